"""Parses Anthropic's errors: `{"type": "error", "error": {"type", "message"}}`, as a body or as a stream event."""

from __future__ import annotations

import re
from typing import Any

from arouter.errors import ProviderError
from arouter.providers.json_reader import parse_error
from arouter.providers.lenient import text_in
from arouter.providers.provider_errors import ANTHROPIC_STATUSES, error_from_status

# A 403 is about the key if it is a `permission_error` that names no resource of the request, or `forbidden`, which is
# for addresses and countries.
_FORBIDDEN = "forbidden"
_ABOUT_KEY = re.compile(r"\b(?:API key|OAuth|organization|workspace|account|credential)\b", re.IGNORECASE)


def error_from_body(status: int, body: bytes, retry_after: int | None) -> ProviderError:
    """Decodes a non-2xx response."""
    answer = parse_error(body)
    return _error(status, answer.get("error") if isinstance(answer, dict) else None, retry_after)


def embedded_error(error: Any) -> ProviderError:
    """Decodes an error that was sent with status 200, as a response or in a stream."""
    kind = error.get("type") if isinstance(error, dict) else None
    return _error(ANTHROPIC_STATUSES.get(kind, 500) if isinstance(kind, str) else 500, error, None)


def _error(status: int, error: Any, retry_after: int | None) -> ProviderError:
    message = error.get("message") if isinstance(error, dict) else error
    text = text_in(message)
    kind = error.get("type") if isinstance(error, dict) else None
    mark = kind if isinstance(kind, str) else None
    if status == 403 and (mark == _FORBIDDEN or (mark == "permission_error" and text and _ABOUT_KEY.search(text))):
        status = 401
    return error_from_status(status, text, param=None, code=None, retry_after=retry_after, marks=(mark,))
