"""Anthropic's errors: `{"type": "error", "error": {"type", "message"}}`, as a body or as an event of a stream."""

from __future__ import annotations

import re
from typing import Any

import orjson

from arouter.errors import ProviderError
from arouter.providers.provider_errors import ANTHROPIC_STATUSES, error_from_status

# What a 403 says that concerns the key: `permission_error` unless it names a resource of the request, `forbidden` for
# addresses and countries.
_FORBIDDEN = "forbidden"
_KEY_MAY_NOT = re.compile(r"\b(?:API key|OAuth|organization|workspace|account|credential)\b", re.IGNORECASE)


def error_from_body(status: int, body: bytes, retry_after: int | None) -> ProviderError:
    """Returns the error that a non-2xx answer means."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    return _error(status, answer.get("error") if isinstance(answer, dict) else None, retry_after)


def embedded_error(error: Any) -> ProviderError:
    """Returns the error that came with a 200, whole or in a stream."""
    kind = error.get("type") if isinstance(error, dict) else None
    return _error(ANTHROPIC_STATUSES.get(kind, 500) if isinstance(kind, str) else 500, error, None)


def _error(status: int, error: Any, retry_after: int | None) -> ProviderError:
    message = error.get("message") if isinstance(error, dict) else error
    text = message if isinstance(message, str) and message else None
    kind = error.get("type") if isinstance(error, dict) else None
    mark = kind if isinstance(kind, str) else None
    if status == 403 and (mark == _FORBIDDEN or (mark == "permission_error" and text and _KEY_MAY_NOT.search(text))):
        status = 401
    return error_from_status(status, text, param=None, code=None, retry_after=retry_after, marks=(mark,))
