"""Reads the members of a client's JSON as Google's API does, and names those that nothing reads.

Names are in camel case or in snake case; an array of one object may be the object alone; integers may be written as
strings or with a fraction of zero.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.types import BOOLEAN, INTEGER, STRING, STRINGS, Kind, check, name_of, wrong_type
from arouter.errors import invalid_request

Json = dict[str, Any]

_NOTHING: tuple[Any, ...] = (None, "", [], {}, False)


class Fields:
    """The members of one object. Each member is taken once; what is left has no meaning here.

    Attributes:
        path: The object's path in the request; empty for the request itself.
    """

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise wrong_type(path or "the request body", "an object", value)
        self.path = path
        self._values = {camel_case(name): (name, item) for name, item in value.items() if item is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def at(self, name: str) -> str:
        """Returns the path of a member, in camel case."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str, kind: Kind) -> Any:
        """Returns a member of a certain kind, or None if it is absent.

        Raises:
            ARouterError: INVALID_REQUEST.
        """
        value = self.take_any(name)
        if value is not None:
            if kind.types == INTEGER.types:
                value = _integer(value)
            check(value, kind, self.at(name))
        return value

    def take_any(self, name: str) -> Any:
        """Returns a member of any type, or None."""
        return self._values.pop(name, ("", None))[1]

    def text(self, name: str) -> str | None:
        """Returns a string, or None."""
        value: str | None = self.take(name, STRING)
        return value

    def texts(self, name: str) -> list[str]:
        """Returns an array of strings; empty if it is absent. One string may be written alone."""
        value = self.take_any(name)
        found: list[str] = [value] if isinstance(value, str) else value or []
        check(found, STRINGS, self.at(name))
        return found

    def flag(self, name: str) -> bool | None:
        """Returns a boolean, or None."""
        value: bool | None = self.take(name, BOOLEAN)
        return value

    def word(self, name: str, *words: str) -> str | None:
        """Returns one of the values of an enumeration, or None if it is absent or not specified."""
        value = self.text(name)
        if value is None or value.upper().endswith("_UNSPECIFIED"):
            return None
        if value.upper() not in words:
            path = self.at(name)
            raise invalid_request(f"Invalid value for '{path}': expected one of {', '.join(words)}.", path)
        return value.upper()

    def object(self, name: str) -> Fields | None:
        """Returns an object, or None."""
        value = self.take_any(name)
        return None if value is None else Fields(value, self.at(name))

    def json_object(self, name: str) -> Json | None:
        """Returns an object with members of the client's own, or None."""
        value = self.take_any(name)
        if value is not None and not isinstance(value, dict):
            raise wrong_type(self.at(name), "an object", value)
        return value

    def objects(self, name: str) -> list[Fields]:
        """Returns an array of objects; empty if it is absent."""
        value = self.take_any(name)
        path = self.at(name)
        if value is None:
            return []
        if isinstance(value, dict):
            return [Fields(value, path)]
        if not isinstance(value, list):
            raise wrong_type(path, "an array of objects", value)
        return [Fields(item, f"{path}[{index}]") for index, item in enumerate(value)]

    def names(self) -> list[str]:
        """Returns the names of the members that have not been taken."""
        return list(self._values)

    def rest(self) -> list[str]:
        """Returns the names of the members that have not been taken and that say something."""
        return [name for name, (_, value) in self._values.items() if not _says_nothing(value)]


def camel_case(name: str) -> str:
    """Returns the name of a member in camel case."""
    if "_" not in name:
        return name
    first, *others = name.strip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def shown(value: Any) -> str:
    """Returns a client's value for an error message."""
    return repr(value[:64]) if isinstance(value, str) else name_of(value)


def _says_nothing(value: Any) -> bool:
    return any(value is each or (type(value) is type(each) and value == each) for each in _NOTHING)


def _integer(value: Any) -> Any:
    """Returns the integer that protobuf's JSON reads in a value, or the value itself."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdecimal():
        return int(value[:20])
    return value
