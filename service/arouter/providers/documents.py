"""Reads the JSON that a provider sent, in whatever protocol."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.providers.provider_errors import bad_response

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
        return orjson.loads(body.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise bad_response(f"{what} that is not JSON") from error


def parse_object(body: bytes, what: str) -> dict[str, Any]:
    """Returns the JSON object in `body`.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it is not JSON, or not an object, or has more than `MAX_VALUES`.
    """
    value = parse(body, what)
    if not isinstance(value, dict):
        raise bad_response(f"{what} that is not a JSON object")
    return value


def check_values(body: bytes, what: str) -> None:
    """Checks the number of values, before any object is built, by the marks that each has; in texts they count too.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; there are more than `MAX_VALUES`.
    """
    # No value takes less than a byte.
    if len(body) > MAX_VALUES and sum(map(body.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
        raise bad_response(f"{what} of more than {MAX_VALUES} values")
