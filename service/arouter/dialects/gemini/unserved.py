"""What of a request only Google's own API can serve."""

from __future__ import annotations


class Unserved:
    """Collects the members of a request that the canonical form lacks, each once, in order.

    Attributes:
        native_only: Paths of members without which the response would be to a different question.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self.native_only: tuple[str, ...] = ()

    def add(self, name: str) -> None:
        """Adds a member that can be left out, by its path without indices."""
        self._names[name] = None

    def require_native(self, path: str) -> None:
        """Adds a member that cannot be left out, by its path."""
        self.native_only += (path,)

    def names(self) -> tuple[str, ...]:
        """Returns the names of the members that can be left out."""
        return tuple(self._names)
