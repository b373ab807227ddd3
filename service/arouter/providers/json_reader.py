"""Parses JSON from providers, for all protocols.

Accepts violations of RFC 8259 that most parsers accept: a byte order mark, `NaN`, control characters in strings,
invalid UTF-8, and lone surrogates, which a server with UTF-16 strings sends when it splits a character. The strict
parser is tried first, so that valid JSON has no extra cost.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from arouter.providers.provider_errors import bad_response
from arouter.providers.surrogates import SurrogateJoiner, without_surrogates

_MAX_DIGITS = 18
"""Maximum digits of an integer; longer ones become floats, as in orjson."""

MAX_VALUES = 2_000_000
"""Maximum number of values and member names in a document: enough for twenty log probabilities for each of 10,000
tokens. Their objects take at most 170 MB, strings excluded; 60 MB of `[],` would take 1.9 GB."""


BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""The byte order mark, which some servers send although JSON must not start with it (RFC 8259 §8.1)."""


def parse(body: bytes, what: str) -> Any:
    """Returns the JSON value in `body`. `what` names it in errors, with its article.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is not JSON or has more than `MAX_VALUES` values.
    """
    check_values(body, what)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return without_surrogates(_parse_leniently(body, what))


def parse_object(body: bytes, what: str) -> dict[str, Any]:
    """Returns the JSON object in `body`.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is not a JSON object or has more than `MAX_VALUES` values.
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
        data: The event's data.
        joiner: Activated if a text may end with half a surrogate pair, which the next event may complete.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is not a JSON object.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _parse_leniently(data, "an event")
        joiner.active = True
    return value if type(value) is dict else _object(value, "an event")


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
    """Checks the number of values before any object is built. Counts delimiters, including those inside strings.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if there are more than `MAX_VALUES`.
    """
    # Every value takes at least one byte.
    if len(body) > MAX_VALUES and sum(map(body.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
        raise bad_response(f"{what} of more than {MAX_VALUES} values")
