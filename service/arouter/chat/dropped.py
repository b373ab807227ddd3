"""Collects the parameters of a request that are not sent to the provider. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arouter.chat.parameters import EMPTY


class Dropped:
    """The parameters of a request without an equivalent, each once, in order.

    Those inside messages and tools are named without an index (`messages[].name`), because a long conversation would
    repeat them a thousand times in one header.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Adds a parameter by its name or path."""
        self._names[name] = None

    def add_rest(self, holder: Mapping[str, Any], known: frozenset[str], path: str) -> None:
        """Adds the fields of `holder` that are not `known` and not empty."""
        for field, value in holder.items():
            if field not in known and value is not None and value not in EMPTY:
                self.add(f"{path}{field}")

    def names(self) -> tuple[str, ...]:
        """Returns all names."""
        return tuple(self._names)
