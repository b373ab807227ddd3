"""Reads the JSON that a provider sent, in whatever protocol.

What breaks RFC 8259 in a way that most readers accept is accepted here: a byte order mark, `NaN`, control characters
inside texts, bytes that are not UTF-8, and half a surrogate pair, which a server whose texts are UTF-16 sends when it
cuts a character in two. The strict reader goes first, so that all of this costs nothing where there is nothing to mend.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from arouter.providers.provider_errors import bad_response
from arouter.providers.surrogates import SurrogateJoiner, without_surrogates

_MAX_DIGITS = 18
"""Digits of an integer; a longer one becomes a float, as orjson reads it."""

MAX_VALUES = 2_000_000
"""Values and member names in one document: log probabilities, twenty to a token, of 10,000 tokens. What a parser makes
of so many takes 170 MB at most, its texts apart; of 60 MB of `[],` it made 1.9 GB."""


BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some servers begin with, and JSON must not (RFC 8259 §8.1): it is passed over."""


def parse(body: bytes, what: str) -> Any:
    """Returns the JSON value in `body`. `what` names it in the error, with its article.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it is not JSON, or has more than `MAX_VALUES`.
    """
    check_values(body, what)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return without_surrogates(_parse_leniently(body, what))


def parse_object(body: bytes, what: str) -> dict[str, Any]:
    """Returns the JSON object in `body`.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it is not JSON, or not an object, or has more than `MAX_VALUES`.
    """
    return _object(parse(body, what), what)


def parse_error(body: bytes) -> Any:
    """Returns the JSON value in the body of an error, or None if it is not JSON: its status says enough."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def parse_event(data: bytes, joiner: SurrogateJoiner) -> dict[str, Any]:
    """Returns the JSON object in an event of a stream.

    Args:
        data: The event's.
        joiner: Is switched on if a text may end in half a surrogate pair, whose other half the next event may have.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it is not JSON, or not an object.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _parse_leniently(data, "an event")
        joiner.active = True
    return _object(value, "an event")


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_response(f"{what} that is not a JSON object")
    return value


def _parse_leniently(body: bytes, what: str) -> Any:
    try:
        text = body.decode("utf-8-sig", "surrogatepass")
    except UnicodeDecodeError:
        text = body.decode("utf-8-sig", "replace")
    try:
        return json.loads(text, strict=False, parse_constant=lambda _: None, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise bad_response(f"{what} that is not JSON") from error


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def check_values(body: bytes, what: str) -> None:
    """Checks the number of values, before any object is built, by the marks that each has; in texts they count too.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; there are more than `MAX_VALUES`.
    """
    # No value takes less than a byte.
    if len(body) > MAX_VALUES and sum(map(body.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
        raise bad_response(f"{what} of more than {MAX_VALUES} values")
