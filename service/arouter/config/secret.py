"""A string that must not be printed or logged."""

from __future__ import annotations


class Secret:
    """Holds a credential and hides it from printing, formatting and logging.

    Only the code that sends the credential calls `reveal`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Returns the credential."""
        return self._value

    def fits_header(self) -> bool:
        """Returns whether it can be sent in an HTTP header: printable ASCII without spaces."""
        return self._value.isascii() and self._value.isprintable() and " " not in self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)
