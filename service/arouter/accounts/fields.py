"""How a record declares what a client may set, `Annotated[type, Field(…)]`, and the functions that read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType
from typing import Any, NamedTuple, get_args, get_type_hints

from msgspec import Struct

from arouter.accounts.validators import Check, nullable


class Field(NamedTuple):
    """A field that a client may set.

    Attributes:
        check: Takes its JSON value and its path, and returns the value to store.
        shown: Takes a stored value that is not None and returns its JSON value. None: they are the same.
        fixed: Whether it cannot be changed.
        restricts: Whether it restricts calls to models, which a management key cannot make.
    """

    check: Check
    shown: Callable[[Any], Any] | None = None
    fixed: bool = False
    restricts: bool = False


@cache
def fields_of(record: type[Struct]) -> Mapping[str, Field]:
    """Returns the fields of a record that a client may set, in order. Fields that may be None accept null."""
    found: dict[str, Field] = {}
    for name, hint in get_type_hints(record, include_extras=True).items():
        for field in getattr(hint, "__metadata__", ()):
            if isinstance(field, Field):
                optional = NoneType in get_args(get_args(hint)[0])
                found[name] = field._replace(check=nullable(field.check)) if optional else field
    return found


def document_of(record: Struct) -> dict[str, Any]:
    """Returns the fields of a record that a client may set, as JSON values."""
    document = {}
    for name, field in fields_of(type(record)).items():
        value = getattr(record, name)
        document[name] = value if value is None or field.shown is None else field.shown(value)
    return document
