"""Declarative descriptions of the request's fields, and the function that validates values against them.

    Kind    a JSON type, with constraints on its contents
    Range   the allowed numbers
    Shape   the members of an object

Only what is described is validated; everything else is passed on, because providers may support fields and variants
that ARouter does not know. Null is the same as an absent member.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from arouter.errors import ARouterError, invalid_request

_MAX_KEY = 64
"""Maximum length of a client's own key in an error message, in characters."""


class Range(NamedTuple):
    """The numbers from `low` to `high`; excludes `low` itself if `open`."""

    low: float
    high: float = math.inf
    open: bool = False

    def describe(self) -> str:
        """Returns the range as text that follows the name of a type."""
        if self.high == math.inf:
            return f"of at least {self.low}"
        return f"above {self.low} and at most {self.high}" if self.open else f"between {self.low} and {self.high}"


class Kind(NamedTuple):
    """A JSON type.

    Attributes:
        expected: Its name for error messages.
        types: The exact Python types of such a value (a JSON boolean is an int in Python).
        range: The allowed numbers.
        filled: Whether a string must not be empty.
        words: The allowed strings, if the set is fixed.
        items: The kind of an array's items.
        values: The kind of an object's values under arbitrary keys.
        shape: The members of an object.
    """

    expected: str
    types: tuple[type, ...]
    range: Range | None = None
    filled: bool = False
    words: tuple[str, ...] = ()
    items: Kind | None = None
    values: Kind | None = None
    shape: Shape | None = None


class Shape(NamedTuple):
    """The known members of an object.

    Attributes:
        members: The kinds of the members.
        required: The required members.
        variants: The additional shape for each value of the member `type`.
        closed: Whether unknown members are errors, so that a misspelt preference is not ignored.
    """

    members: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    variants: Mapping[str, Shape] = {}
    closed: bool = False


BOOLEAN = Kind("a boolean", (bool,))
INTEGER = Kind("an integer", (int,))
NUMBER = Kind("a number", (int, float))
STRING = Kind("a string", (str,))
NAME = STRING._replace(filled=True)
NAMES = Kind("an array of strings", (list,), items=NAME)
ARRAY = Kind("an array", (list,))
STRINGS = Kind("an array of strings", (list,), items=STRING)
OBJECT = Kind("an object", (dict,))
OBJECTS = Kind("an array of objects", (list,), items=OBJECT)


def integer(low: int, high: float = math.inf) -> Kind:
    """Returns the kind of an integer in a range."""
    return INTEGER._replace(range=Range(low, high))


def number(low: float, high: float, *, open_: bool = False) -> Kind:
    """Returns the kind of a number in a range; excludes `low` itself if open."""
    return NUMBER._replace(range=Range(low, high, open_))


def word(*words: str) -> Kind:
    """Returns the kind of a string that is one of `words`."""
    return STRING._replace(words=words)


def object_of(members: Mapping[str, Kind], *required: str, variants: Mapping[str, Shape] | None = None) -> Kind:
    """Returns the kind of an object with these members."""
    return OBJECT._replace(shape=Shape(members, required, variants or {}))


def check(value: Any, kind: Kind, path: str) -> None:
    """Validates a value that is not null.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the invalid member.
    """
    found = type(value)
    if found not in kind.types:
        raise wrong_type(path, kind.expected, value)
    if found is str:
        if kind.filled and not value:
            raise invalid_request(f"Parameter '{path}' must not be empty.", path)
        if kind.words and value not in kind.words:
            raise invalid_request(f"Invalid value for '{path}': expected {_either(kind.words)}.", path)
    elif found is dict:
        if kind.shape is not None:
            _check_members(value, kind.shape, path)
        if kind.values is not None:
            for key, item in value.items():
                if item is not None:
                    check(item, kind.values, f"{path}.{key[:_MAX_KEY]}")
    elif found is list:
        if kind.items is not None:
            for index, item in enumerate(value):
                check(item, kind.items, f"{path}[{index}]")
    elif kind.range is not None:
        low, high, open_ = kind.range
        # Written so that NaN, which protobuf can carry, is out of every range.
        if not low <= value <= high or (open_ and value == low):
            expected = f"{(NUMBER if float in kind.types else INTEGER).expected} {kind.range.describe()}"
            raise invalid_request(f"Invalid value for '{path}': expected {expected}, got {value}.", path)


def check_document(body: Any, kinds: Mapping[str, Kind], *required: str) -> None:
    """Validates the body of a request.

    Args:
        body: Its JSON value.
        kinds: Those of its members. Others may be of any kind; null is as good as absent.
        required: The members that it must have.

    Raises:
        ARouterError: INVALID_REQUEST with the first member that is missing or invalid.
    """
    if not isinstance(body, dict):
        raise invalid_request(f"The request body must be a JSON object, not {name_of(body)}.")
    for name in required:
        if body.get(name) is None:
            raise missing(name)
    for name, value in body.items():
        kind = kinds.get(name)
        if kind is not None and value is not None:
            check(value, kind, name)


def missing(path: str) -> ARouterError:
    """Returns the 400 error for a missing required member."""
    return invalid_request(f"Missing required parameter: '{path}'.", path)


def wrong_type(path: str, expected: str, value: Any) -> ARouterError:
    """Returns the 400 error for a value of the wrong type. Names the type only: the value may be long or a secret."""
    return invalid_request(f"Invalid type for '{path}': expected {expected}, got {name_of(value)}.", path)


def name_of(value: Any) -> str:
    """Returns the JSON type of `value` with its article, for an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _check_members(value: dict[str, Any], shape: Shape, path: str) -> None:
    for name, item in value.items():
        kind = shape.members.get(name)
        # A plain string is by far the most frequent case.
        if kind is not None and item is not None and not (kind is STRING and type(item) is str):
            check(item, kind, f"{path}.{name}")
        elif kind is None and item is not None and shape.closed:
            raise _unknown(f"{path}.{name[:_MAX_KEY]}", shape)
    for name in shape.required:
        if value.get(name) is None:
            raise missing(f"{path}.{name}")
    if shape.variants:
        variant = shape.variants.get(value.get("type") or "")
        if variant is not None:
            _check_members(value, variant, path)


def _unknown(path: str, shape: Shape) -> ARouterError:
    return invalid_request(f"Unknown parameter: '{path}': expected {_either(shape.members)}.", path)


def _either(words: Iterable[str]) -> str:
    quoted = [f"'{each}'" for each in words]
    return " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
