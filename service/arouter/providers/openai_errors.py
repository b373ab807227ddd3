"""Parses errors of the `openai` protocol, with any HTTP status: their status, message, `param` and `code`."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.errors import Failure, ProviderError
from arouter.providers.json_reader import parse_error
from arouter.providers.lenient import object_in, text_in
from arouter.providers.provider_errors import ANTHROPIC_STATUSES, error_from_status
from arouter.providers.sse import ServerSentEvent

Json = dict[str, Any]

_FLAGGED = "The provider's moderation rejected the request."

_STATUS_FIELDS = ("code", "status", "status_code", "statusCode", "error_code", "http_status")
_MESSAGE_FIELDS = ("message", "detail", "error_message", "msg", "error_msg", "error")

# For an error in a response with status 200 that has a type in place of a status: Anthropic's types, and OpenAI's error
# codes and types.
_STATUS_OF_WORD = {
    **ANTHROPIC_STATUSES,
    "BadRequestError": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "insufficient_quota": 402,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
    "service_unavailable": 503,
}


def decode_error(status: int, body: bytes, retry_after: int | None) -> ProviderError:
    """Decodes a response whose status is not 2xx."""
    answer = parse_error(body)
    # Mistral, Cohere and FastAPI servers send errors without the envelope.
    return _error(status, (answer.get("error") or answer) if isinstance(answer, dict) else None, retry_after)


def raise_embedded(document: Json) -> None:
    """Raises an error that was sent with status 200, as a response or an event, if `document` is one.

    Known forms: `{"error": …}`, `{"object": "error", …}` (vLLM), and, without choices and usage, only a message:
    `{"detail": …}`, `{"error_code": …, "message": …}`, `{"success": false, "msg": …}`.
    """
    error = document.get("error")
    if error:
        raise embedded_error(error if isinstance(error, dict | str) else document)
    if document.get("choices"):
        return
    if document.get("object") == "error":
        raise embedded_error(document)
    if not document.get("usage") and any(isinstance(document.get(name), str) for name in _MESSAGE_FIELDS):
        raise embedded_error(document)


def error_event(event: ServerSentEvent) -> ProviderError:
    """Decodes an event with the name `error`."""
    try:
        document = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        document = event.data.decode("utf-8", "replace")
    if isinstance(document, dict) and document.get("error"):
        document = document["error"]
    return embedded_error(document)


def embedded_error(error: Any) -> ProviderError:
    """Decodes an error that was sent with status 200. Its status is the number or type in it, else 500."""
    fields = object_in(error)
    status = next((found for name in _STATUS_FIELDS if (found := _status(fields.get(name)))), None)
    if status is None:
        words = (fields.get("code"), fields.get("type"))
        status = next(
            (_STATUS_OF_WORD[word] for word in words if isinstance(word, str) and word in _STATUS_OF_WORD), 500
        )
    return _error(status, error, None)


def _status(value: Any) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdecimal():
        value = int(value)
    return value if type(value) is int and 400 <= value <= 599 else None


def _error(status: int, error: Any, retry_after: int | None) -> ProviderError:
    if isinstance(error, str):
        error = {"message": error}
    fields = object_in(error)
    metadata = object_in(fields.get("metadata"))
    inner = _wrapped(metadata)
    message = _message(inner) or _message(fields)
    param, code = text_in(fields.get("param")), text_in(fields.get("code")) or text_in(inner.get("code"))
    if status == 403 and ("reasons" in metadata or "flagged_input" in metadata):
        # OpenRouter's moderation.
        return ProviderError(Failure.PERMISSION_DENIED, message or _FLAGGED, param=param, code=code or "content_policy")
    marks = tuple(_mark(each.get(name)) for each in (fields, inner) for name in ("type", "code"))
    return error_from_status(status, message, param=param, code=code, retry_after=retry_after, marks=marks)


def _message(fields: Json) -> str | None:
    found = next((text for name in _MESSAGE_FIELDS if (text := text_in(fields.get(name)))), None)
    return found or _validation(fields)


def _mark(value: Any) -> str | None:
    return str(value) if type(value) is int else text_in(value)


def _wrapped(metadata: Json) -> Json:
    """Returns the error that OpenRouter wraps in its own, whose message is only "Provider returned error"."""
    raw = text_in(metadata.get("raw"))
    answer = parse_error(raw.encode()) if raw else None
    if isinstance(answer, list) and answer:
        answer = answer[0]  # Google's
    return object_in(answer.get("error") or answer) if isinstance(answer, dict) else {}


def _validation(fields: Json) -> str | None:
    """Returns the validation error of a FastAPI server: `{"detail": [{"loc": ["body", "top_p"], "msg": "…"}]}`."""
    nested = fields.get("message")
    problems = (nested if isinstance(nested, dict) else fields).get("detail")
    found = [
        f"{'.'.join(map(str, where))}: {problem['msg']}"
        if isinstance(where := problem.get("loc"), list)
        else problem["msg"]
        for problem in (problems if isinstance(problems, list) else ())
        if isinstance(problem, dict) and isinstance(problem.get("msg"), str)
    ]
    return "; ".join(found) or None
