"""What is sent with each call: the key, the deadline, metadata."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias, TypedDict

from google.protobuf.message import Message

Key: TypeAlias = str | Callable[[], str]
AsyncKey: TypeAlias = Key | Callable[[], Awaitable[str]]
Pairs: TypeAlias = Iterable[tuple[str, str | bytes]]

UNBOUNDED = frozenset({"/arouter.v1.ModelService/WatchModels"})
"""Methods whose streams do not end by themselves: they have no deadline unless the call sets one."""

REQUEST_ID = "x-request-id"
_NAME = re.compile("[a-z0-9_.-]+")
_VALUE = re.compile("[ -~]*")


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "the client's own"


UNSET: Final = Unset.UNSET
"""Stands for a timeout that is not given, because None is a call without a deadline."""

Timeout: TypeAlias = float | Unset | None
"""Seconds until the deadline of a call."""


class CallOptions(TypedDict, total=False):
    """What a call may set for itself.

    Attributes:
        timeout: Seconds until the deadline, in place of the client's; None for no deadline.
        request_id: The id of the call in the service's logs, on port 50051. The gateway gives its own.
        metadata: Further metadata.
        wait_for_ready: Whether to wait, until the deadline, for a service that cannot be reached.
    """

    timeout: float | None
    request_id: str
    metadata: Mapping[str, str | bytes]
    wait_for_ready: bool


def arguments(options: CallOptions) -> dict[str, Any]:
    """Returns the options of a call as arguments of a stub's method."""
    pairs = list(options.get("metadata", {}).items())
    if "request_id" in options:
        pairs.append((REQUEST_ID, options["request_id"]))
    kept = {name: value for name, value in options.items() if name in ("timeout", "wait_for_ready")}
    return {**kept, "metadata": pairs}


@dataclass(frozen=True)
class Defaults:
    """What every call of a client has.

    Attributes:
        timeout: Seconds until the deadline; None for no deadline.
        metadata: Further metadata.
    """

    timeout: float | None
    metadata: Mapping[str, str | bytes] = field(default_factory=dict)

    def deadline(self, method: str, timeout: Timeout) -> float | None:
        """Returns the seconds until the deadline of a call."""
        if timeout is not UNSET:
            return timeout
        return None if method in UNBOUNDED else self.timeout

    def pairs(self, key: str | None, more: Pairs | None) -> tuple[tuple[str, str | bytes], ...]:
        """Returns the metadata of a call.

        Raises:
            TypeError: The key is not text.
            ValueError: The key or an entry has characters that metadata cannot carry. The message contains no values,
                unlike grpc's.
        """
        sent = [*self.metadata.items(), *(more or ())]
        for name, value in sent:
            if not _NAME.fullmatch(name):
                raise ValueError(f"Metadata cannot have the name {name!r}: only a-z, 0-9, '-', '_' and '.'.")
            if isinstance(value, str) and not _VALUE.fullmatch(value):
                raise ValueError(f"The metadata {name!r} contains a line break or a character outside ASCII.")
        if key is not None:
            if not isinstance(key, str):
                raise TypeError(f"The key must be text, not {type(key).__name__}.")
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise ValueError("The key is empty, or contains a line break, a space or a character outside ASCII.")
            sent.append(("authorization", f"Bearer {key}"))
        return tuple(sent)


def check_request(request: object) -> None:
    """Raises TypeError unless a request is a message: grpc would call that an internal error."""
    if not isinstance(request, Message):
        kind = type(request).__name__
        raise TypeError(f"The request must be a message of arouter.v1, not {kind}; from_openai makes one of a dict.")


def request_id(pairs: Pairs) -> str | None:
    """Returns the request id in the metadata of a call, if there is one."""
    return next((str(value) for name, value in pairs if name == REQUEST_ID), None)
