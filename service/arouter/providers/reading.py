"""Reading of a provider's answer within bounds: its body, and how long it asks to wait."""

from __future__ import annotations

import asyncio
import email.utils
import math
import time
from collections.abc import Mapping

import aiohttp

from arouter.errors import ProviderError
from arouter.providers.bodies import Body, body_of
from arouter.providers.provider_errors import bad_response

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Of a whole answer, decompressed."""

MAX_ERROR_BYTES = 64 * 1024
_ERROR_BODY_TIMEOUT = 2.0
"""Seconds that the body of an error gets: its status says enough."""

_MAX_RETRY_AFTER = 3600
_AT_ONCE = 256 * 1024


async def read_all(body: Body, limit: int = MAX_ANSWER_BYTES) -> bytes:
    """Returns the whole body.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; it has more than `limit` bytes.
    """
    read = await _read_up_to(body, limit)
    if len(read) > limit:
        raise bad_response(f"an answer of more than {limit} bytes")
    return read


async def read_error(response: aiohttp.ClientResponse) -> bytes:
    """Returns the body of an error; an empty one if it does not come or cannot be read."""
    try:
        async with asyncio.timeout(_ERROR_BODY_TIMEOUT):
            return await _read_up_to(body_of(response), MAX_ERROR_BYTES)
    except (TimeoutError, aiohttp.ClientError, ProviderError):
        return b""


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Returns what a provider asks to wait, in whole seconds from 1 to an hour, or None if it does not say.

    `retry-after` is a number of seconds or a date (RFC 9110 §10.2.3), and a fraction with some providers. Azure and
    OpenAI also send `retry-after-ms`.
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
    """Returns the body, or a little more than `limit` bytes of a longer one."""
    parts: list[bytes] = []
    size = 0
    while size <= limit and (part := await body.read(_AT_ONCE)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
