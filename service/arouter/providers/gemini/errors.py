"""Parses Gemini's error object: `{"code", "message", "status", "details": [google.rpc.…]}`, possibly in an array."""

from __future__ import annotations

import math
from typing import Any

from arouter.errors import ProviderError
from arouter.providers.gemini.parameters import parameter_of
from arouter.providers.json_reader import parse_error
from arouter.providers.lenient import JsonObject, object_in, objects, text_in
from arouter.providers.provider_errors import error_from_status

_MAX_RETRY_AFTER = 3600


def error_from_body(status: int, body: bytes, retry_after: int | None) -> ProviderError:
    """Decodes a non-2xx response."""
    answer = parse_error(body)
    if isinstance(answer, list) and answer:  # errors of streams are sometimes arrays
        answer = answer[0]
    return _error(status, object_in(answer).get("error"), retry_after)


def embedded_error(error: Any) -> ProviderError:
    """Decodes an error that was sent with status 200, as a response or as an event of a stream."""
    code = object_in(error).get("code")
    return _error(code if type(code) is int and 400 <= code <= 599 else 500, error, None)


def _error(status: int, error: Any, retry_after: int | None) -> ProviderError:
    fields = object_in(error)
    details = objects(fields.get("details"))
    if status == 400 and fields.get("status") == "FAILED_PRECONDITION":
        status = 401  # The country or billing account is not allowed to use the API.
    return error_from_status(
        status,
        text_in(error) or text_in(fields.get("message")),
        param=_param(details),
        # Gemini's own code, unless the error table has OpenAI's.
        code=None if status == 429 else text_in(fields.get("status")),
        retry_after=_retry_delay(details) if retry_after is None else retry_after,
        marks=tuple(text_in(detail.get("reason")) for detail in details),
    )


def _param(details: list[JsonObject]) -> str | None:
    """Returns the parameter named in google.rpc.BadRequest."""
    for detail in details:
        for violation in objects(detail.get("fieldViolations")):
            field = text_in(violation.get("field"))
            if field and (parameter := parameter_of(field)):
                return parameter
    return None


def _retry_delay(details: list[JsonObject]) -> int | None:
    """Returns google.rpc.RetryInfo's delay, such as `34.07s`, in whole seconds, at most an hour."""
    for detail in details:
        delay = text_in(detail.get("retryDelay"))
        if delay is None:
            continue
        try:
            seconds = float(delay.removesuffix("s"))
        except ValueError:
            continue
        if math.isfinite(seconds):
            return min(max(math.ceil(seconds), 0), _MAX_RETRY_AFTER)
    return None
