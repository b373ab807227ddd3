"""Reads the JSON that a provider sent, in whatever protocol."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.providers.provider_errors import bad_response


def parse(body: bytes, what: str) -> Any:
    """Returns the JSON value in `body`. `what` names it in the error, with its article.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_response(f"{what} that is not JSON") from error


def parse_object(body: bytes, what: str) -> dict[str, Any]:
    """Returns the JSON object in `body`.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it is not JSON, or not an object.
    """
    value = parse(body, what)
    if not isinstance(value, dict):
        raise bad_response(f"{what} that is not a JSON object")
    return value
