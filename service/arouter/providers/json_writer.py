"""Writes the JSON of requests to providers, for all protocols."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.errors import invalid_request


def request_json(body: dict[str, Any]) -> bytes:
    """Returns the body of a request.

    Raises:
        ARouterError: INVALID_REQUEST if it is nested too deeply: orjson's limit is lower for writing than for reading.
    """
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:
        raise invalid_request("The request body is nested too deeply.") from error
