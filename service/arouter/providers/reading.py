"""Reads a provider's response within limits: its body, and its `retry-after`."""

from __future__ import annotations

import asyncio
import email.utils
import math
import time
from collections.abc import Mapping

from arouter.errors import ProviderError
from arouter.providers.bodies import Body, body_of, read
from arouter.providers.http.errors import HttpError
from arouter.providers.http.response import Response
from arouter.providers.provider_errors import bad_response

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Maximum size of a complete answer, decompressed."""

MAX_ERROR_BYTES = 64 * 1024
_ERROR_BODY_TIMEOUT = 2.0
"""Timeout for the body of an error response, in seconds: the status alone is sufficient."""

_MAX_RETRY_AFTER = 3600
_AT_ONCE = 256 * 1024


async def read_all(body: Body, limit: int = MAX_ANSWER_BYTES) -> bytes:
    """Returns the complete body.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it has more than `limit` bytes.
    """
    answer = await _read_up_to(body, limit)
    if len(answer) > limit:
        raise bad_response(f"a response of more than {limit} bytes")
    return answer


async def read_error(response: Response) -> bytes:
    """Returns the body of an error response; empty if it does not arrive or cannot be read."""
    try:
        async with asyncio.timeout(_ERROR_BODY_TIMEOUT):
            return await _read_up_to(body_of(response), MAX_ERROR_BYTES)
    except (TimeoutError, HttpError, ProviderError):
        return b""


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Returns a provider's `retry-after` in whole seconds, from 1 to an hour, or None if there is none.

    `retry-after` is a number of seconds or a date (RFC 9110 §10.2.3); some providers send a fraction. Azure and OpenAI
    also send `retry-after-ms`.
    """
    seconds = _seconds(headers.get("retry-after"))
    if seconds is None:
        milliseconds = _number(headers.get("retry-after-ms"))
        seconds = None if milliseconds is None else milliseconds / 1000
    return None if seconds is None else max(math.ceil(min(seconds, _MAX_RETRY_AFTER)), 1)


def _seconds(text: str | None) -> float | None:
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError, TypeError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


async def _read_up_to(body: Body, limit: int) -> bytes:
    """Returns the body, or slightly more than `limit` bytes if it is longer."""
    part = body.take(_AT_ONCE)
    if part is None:
        part = await read(body, _AT_ONCE)
    # All of most answers; of a compressed one only the next read tells that it is not cut off.
    if type(body) is Response and body.at_eof():
        return part
    parts = [part]
    size = len(part)
    while size <= limit and (part := await read(body, _AT_ONCE)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
