"""The `openai` wire protocol: Chat Completions, as OpenAI and most other providers speak it.

The canonical form is this protocol's own, so a request needs only the native model name and an answer only a check;
and, of a vendor that differs, what its quirks say. Fields that ARouter does not know pass through both ways.
"""

from __future__ import annotations

from typing import Any

import orjson
from typing_extensions import override

from arouter.chat.chunks import Chunk, usage_chunk
from arouter.chat.request import ChatRequest
from arouter.errors import Failure, ProviderError, invalid_request
from arouter.providers.adapter import Adapter, ModelPage, StreamDecoder, WireRequest
from arouter.providers.documents import parse_object
from arouter.providers.openai_models import decode_model_list
from arouter.providers.provider_errors import bad_response, error_from_status, truncated
from arouter.providers.quirks import Quirks, decode_answer, encode_body
from arouter.providers.sse import ServerSentEvent

_END = b"[DONE]"
_FLAGGED = "The provider's moderation refused the request."

_STATUSES = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_quota": 402,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}
"""What a `code` or `type` that comes with a 200 means. Sources: OpenAI, "Error codes"; vLLM and OpenRouter."""


class OpenAIAdapter(Adapter):
    """Passes requests on and checks what comes back.

    Args:
        quirks: What the vendor does differently.
    """

    models_path = "/models"

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks

    @override
    def headers(self, api_key: str | None) -> dict[str, str]:
        if not api_key:
            return {}
        if self._quirks is not None and self._quirks.key_header:
            return {self._quirks.key_header: api_key}
        return {"authorization": f"Bearer {api_key}"}

    @override
    def encode(self, request: ChatRequest, model: str) -> WireRequest:
        body = {**request.body, "model": model}
        if request.stream:
            # Usage is always asked for: it is what the call costs, whether or not the client wants to see it.
            body["stream"] = True
            body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
        dropped = () if self._quirks is None else encode_body(self._quirks, body)
        try:
            return WireRequest("/chat/completions", orjson.dumps(body), dropped)
        except orjson.JSONEncodeError as error:
            # orjson reads deeper than it writes.
            raise invalid_request("The request body is nested too deeply.") from error

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        completion = parse_object(body, "an answer")
        if completion.get("error"):
            raise _embedded_error(completion["error"])
        if self._quirks is not None:
            decode_answer(self._quirks, completion, "message")
        choices = completion.get("choices")
        if (
            not isinstance(choices, list)
            or not choices
            or not all(_has_object(choice, "message") for choice in choices)
        ):
            raise bad_response("an answer without choices")
        return completion

    @override
    def stream_decoder(self) -> OpenAIStreamDecoder:
        return OpenAIStreamDecoder(self._quirks)

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        # Mistral, Cohere and FastAPI servers answer without the envelope.
        return _error(status, (answer.get("error") or answer) if isinstance(answer, dict) else None, retry_after)

    @override
    def decode_models(self, body: bytes) -> ModelPage:
        return decode_model_list(body)


class OpenAIStreamDecoder(StreamDecoder):
    """Takes usage out of the chunks, and knows whether the answer has ended."""

    def __init__(self, quirks: Quirks | None) -> None:
        self._quirks = quirks
        self.done = False
        self.usage: dict[str, Any] | None = None
        self._template: Chunk = {}
        self._unfinished: set[Any] = set()
        self._finished = False

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        if event.data == _END:
            self.done = True
            return self.finish()
        chunk = parse_object(event.data, "an event")
        if chunk.get("error"):
            raise _embedded_error(chunk["error"])
        if self._quirks is not None:
            decode_answer(self._quirks, chunk, "delta")
        self._take_usage(chunk)
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise bad_response("an event without choices")
        if not choices:
            return []
        for choice in choices:
            self._note(choice)
        self._template = chunk
        return [chunk]

    @override
    def finish(self) -> list[Chunk]:
        if not self._finished or (self._unfinished and not self.done):
            raise truncated()
        return [usage_chunk(self._template, self.usage)] if self.usage else []

    def _take_usage(self, chunk: Chunk) -> None:
        """Moves usage out of the chunk: some providers put it on the last one with choices, some on each."""
        usage = chunk.pop("usage", None)
        if isinstance(usage, dict) and usage:
            self.usage = usage

    def _note(self, choice: Any) -> None:
        if not _has_object(choice, "delta"):
            raise bad_response("a choice without a delta")
        index = choice.get("index")
        if not isinstance(index, int | str | None):
            raise bad_response("a choice whose index is no number")
        if choice.setdefault("finish_reason", None) is None:
            self._unfinished.add(index)
        else:
            self._unfinished.discard(index)
            self._finished = True


def _has_object(value: Any, field: str) -> bool:
    return isinstance(value, dict) and isinstance(value.get(field), dict)


def _embedded_error(error: Any) -> ProviderError:
    """Returns the error that came with a 200.

    Its `code` is the status it should have had, if that is a number; else its `code` or `type` may tell.
    """
    fields = error if isinstance(error, dict) else {}
    status = fields.get("code")
    if isinstance(status, str) and len(status) == 3 and status.isascii() and status.isdecimal():
        status = int(status)
    if type(status) is not int or not 400 <= status <= 599:
        told = (fields.get("code"), fields.get("type"))
        status = next((_STATUSES[each] for each in told if isinstance(each, str) and each in _STATUSES), 500)
    return _error(status, error, None)


def _error(status: int, error: Any, retry_after: int | None) -> ProviderError:
    if isinstance(error, str):
        error = {"message": error}
    fields = error if isinstance(error, dict) else {}

    def text(field: str) -> str | None:
        value = fields.get(field)
        return value if isinstance(value, str) and value else None

    message = text("message") or text("detail") or _validation(fields)
    metadata = fields.get("metadata")
    if status == 403 and isinstance(metadata, dict) and ("reasons" in metadata or "flagged_input" in metadata):
        # OpenRouter's moderation: its words may repeat those of the request.
        return ProviderError(
            Failure.PERMISSION_DENIED, message or _FLAGGED, param=text("param"), code=text("code") or "content_policy"
        )
    return error_from_status(
        status, message, param=text("param"), code=text("code"), retry_after=retry_after, marks=(text("type"),)
    )


def _validation(fields: dict[str, Any]) -> str | None:
    """Returns what a FastAPI server found wrong: `{"detail": [{"loc": ["body", "top_p"], "msg": "…"}]}`."""
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
