"""What differs between two configurations, and what of it a running process cannot take. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from arouter.config.schema import Config

_LIVE = (
    "providers",
    "models",
    "routing",
    "timeouts",
    "catalogue",
    "accounts.max_age",
    "usage",
    "limits",
    "server.drain_delay",
    "server.drain_grace",
    "server.keep_alive",
)
"""What takes effect while the process runs."""

_GATEWAY = ("gateway",)
"""What Envoy's own process is told."""


def changes(old: Config, new: Config) -> list[str]:
    """Returns the paths of what differs, down to what is no structure itself: `routing.breaker.failures`, `models`."""
    return list(_changes("", old, new))


def restart_changes(old: Config, new: Config) -> list[str]:
    """Returns the paths of what differs and takes effect only in a new process."""
    return [path for path in changes(old, new) if not _is_in(path, (*_LIVE, *_GATEWAY))]


def gateway_changes(old: Config, new: Config) -> list[str]:
    """Returns the paths of what differs and is to be told to the gateway, which waits as long as the longest call."""
    found = [path for path in changes(old, new) if _is_in(path, _GATEWAY)]
    return found if old.longest_call == new.longest_call else [*found, "timeouts.total"]


def _changes(path: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if not isinstance(old, msgspec.Struct) or type(old) is not type(new):
        yield path
        return
    for name in old.__struct_fields__:
        yield from _changes(f"{path}.{name}" if path else name, getattr(old, name), getattr(new, name))


def _is_in(path: str, parts: tuple[str, ...]) -> bool:
    return any(path == part or path.startswith(f"{part}.") for part in parts)
