"""Collects what a request asks for and the canonical form cannot express."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arouter.chat.parameters import EMPTY


class Unserved:
    """The client's names of the members that are left out, each once and without indices (`messages[].name`)."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Adds a member by its path."""
        self._names[name] = None

    def add_rest(self, holder: Mapping[str, Any], known: frozenset[str], path: str) -> None:
        """Adds the members of `holder` that are neither `known` nor empty."""
        if known.issuperset(holder):
            return
        for name, value in holder.items():
            if name not in known and value is not None and value is not False and value not in EMPTY:
                self.add(path + name)

    def names(self) -> tuple[str, ...]:
        """Returns all names."""
        return tuple(self._names)
