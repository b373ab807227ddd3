"""Parses JSON and limits its number of values before any object is built. Pure.

A parser builds 60 to 230 bytes of objects from the two to four bytes of `[]` and `{}`: 10 MB of them would take more
than 1 GB.
"""

from __future__ import annotations

from typing import Any

import orjson

from arouter.errors import ARouterError, invalid_request

MAX_JSON_VALUES = 200_000
"""Maximum number of values and member names in a JSON text. Their objects take at most 20 MB, strings excluded."""

_SLICE = 128 * 1024
"""Bytes that are counted between two looks at the bound."""


def load_json(data: bytes | str, what: str, param: str | None = None) -> Any:
    """Parses a JSON text.

    Args:
        data: The text; must not be empty.
        what: Name of the text for error messages.
        param: The field that contains the text, unless the text is the whole request.

    Raises:
        ARouterError: INVALID_REQUEST if the text is not JSON or has more than `MAX_JSON_VALUES` values.
    """
    if len(data) > MAX_JSON_VALUES and count_values(data.encode() if isinstance(data, str) else data) > MAX_JSON_VALUES:
        raise too_many_values(what, param)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise invalid_request(f"{what} is not valid JSON: {error}", param) from error


def count_values(data: bytes) -> int:
    """Returns the number of values and member names of a JSON text, or an upper bound if that is small enough.

    Each value or name has a delimiter: the comma or bracket before it, or the colon after it. Delimiters inside strings
    are excluded only if the total with them is over the limit. Text that is not JSON is counted at least up to its
    first error, which is as far as a parser builds objects.
    """
    bound = _marks(data)
    if bound <= MAX_JSON_VALUES:
        return bound
    # An escape is a backslash and the next character; without escapes every quotation mark opens or closes a string.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    strings = plain.count(b'"') // 2
    if strings > MAX_JSON_VALUES:
        return strings
    return _marks(b"".join(plain.split(b'"')[::2]))


def too_many_values(what: str, param: str | None = None) -> ARouterError:
    """Returns the 400 error for a text or message that has too many values."""
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
