"""Collects what a client asks for and the canonical form cannot express."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from arouter.chat.dropped import Dropped


class Unserved(Dropped):
    """The members of a request without an equivalent, by the client's names and without indices (`messages[].name`).

    Attributes:
        native_only: Paths of members without which the response would be to a different question, so that only a
            provider with the same API can serve the request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.native_only: list[str] = []

    def require_native(self, path: str) -> None:
        """Adds a member that cannot be left out, by its path."""
        self.native_only.append(path)

    @override
    def add_rest(self, holder: Mapping[str, Any], known: frozenset[str], path: str) -> None:
        """Adds the fields of `holder` that are not `known`, and neither empty nor false."""
        if not known.issuperset(holder):
            super().add_rest({name: value for name, value in holder.items() if value is not False}, known, path)
