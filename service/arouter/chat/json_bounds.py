"""Reads JSON whose number of values is bounded before any object is built. Pure.

A parser makes 60 to 230 bytes of objects of the two or four bytes of `[]` and `{}`: 10 MB of them are more than 1 GB.
"""

from __future__ import annotations

from typing import Any

import orjson

from arouter.errors import ARouterError, invalid_request

MAX_JSON_VALUES = 200_000
"""Values and member names that one JSON text may have. What they are made into takes 20 MB at most, its texts apart."""

_SLICE = 128 * 1024
"""Bytes that are counted between two looks at the bound."""


def load_json(data: bytes | str, what: str, param: str | None = None) -> Any:
    """Returns the value of a JSON text.

    Args:
        data: The text; not empty.
        what: Names it in errors.
        param: The field that holds it, if that is not the whole request.

    Raises:
        ARouterError: INVALID_REQUEST; it is not JSON, or has more than `MAX_JSON_VALUES`.
    """
    if len(data) > MAX_JSON_VALUES and count_values(data.encode() if isinstance(data, str) else data) > MAX_JSON_VALUES:
        raise too_many_values(what, param)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid_request(f"{what} is not valid JSON: {error}", param) from error


def count_values(data: bytes) -> int:
    """Returns the number of values and member names of a JSON text, or a bound of it where that is small enough.

    Each has a mark of its own: the comma or the bracket before it, or the colon behind it. The marks in strings are
    left out only where all of them are too many. A text that is not JSON is counted up to its first error or beyond,
    which is as far as a parser builds objects.
    """
    bound = _marks(data)
    if bound <= MAX_JSON_VALUES:
        return bound
    # An escape is a backslash and what follows; without them every quotation mark begins or ends a string.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    strings = plain.count(b'"') // 2
    if strings > MAX_JSON_VALUES:
        return strings
    return _marks(b"".join(plain.split(b'"')[::2]))


def too_many_values(what: str, param: str | None = None) -> ARouterError:
    """Returns the 400 of a text or message that has too many values."""
    return invalid_request(f"{what} has more than {MAX_JSON_VALUES} values.", param)


def _marks(data: bytes) -> int:
    """Returns the number of marks, or one above `MAX_JSON_VALUES` where there are more."""
    found = 0
    for start in range(0, len(data), _SLICE):
        end = start + _SLICE
        found += data.count(b",", start, end) + data.count(b":", start, end)
        found += data.count(b"[", start, end) + data.count(b"{", start, end)
        if found > MAX_JSON_VALUES:
            break
    return found
