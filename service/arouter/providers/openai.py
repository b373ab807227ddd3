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
from arouter.errors import ProviderError, invalid_request
from arouter.providers import openai_errors
from arouter.providers.adapter import Adapter, ModelPage, StreamDecoder, WireRequest
from arouter.providers.json_reader import parse_event, parse_object
from arouter.providers.openai_answer import ChunkNormalizer, normalize_completion, take_usage
from arouter.providers.openai_models import decode_model_list
from arouter.providers.provider_errors import bad_response, truncated
from arouter.providers.quirks import DEFAULT, Quirks, decode_message, decode_usage, encode_body
from arouter.providers.sse import ServerSentEvent
from arouter.providers.surrogates import SurrogateJoiner

_END = b"[DONE]"
_NULL = b"null"
_STREAM_OPTIONS = "stream_options"
_ALWAYS = frozenset({"model", "stream"})


class OpenAIAdapter(Adapter):
    """Passes requests on and checks what comes back.

    Args:
        quirks: What the vendor does differently.
    """

    models_path = "/models"

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or DEFAULT

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpenAIAdapter) and self._quirks == other._quirks

    @override
    def headers(self, api_key: str | None) -> dict[str, str]:
        if not api_key:
            return {}
        if self._quirks.key_header:
            return {self._quirks.key_header: api_key}
        return {"authorization": f"Bearer {api_key}"}

    @override
    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        body = {**request.body, "model": model}
        if request.stream:
            body["stream"] = True
            if _STREAM_OPTIONS not in without:
                # Usage is always asked for: it is what the call costs, whether or not the client wants to see it.
                body[_STREAM_OPTIONS] = {**(body.get(_STREAM_OPTIONS) or {}), "include_usage": True}
        dropped, names = encode_body(self._quirks, body, without)
        added = body.keys() - request.body.keys() - _ALWAYS
        try:
            return WireRequest("/chat/completions", orjson.dumps(body), dropped, names=names, added=frozenset(added))
        except orjson.JSONEncodeError as error:
            # orjson reads deeper than it writes.
            raise invalid_request("The request body is nested too deeply.") from error

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        completion = parse_object(body, "an answer")
        openai_errors.raise_embedded(completion)
        normalize_completion(completion)
        if self._quirks is not DEFAULT:
            for choice in completion["choices"]:
                decode_message(self._quirks, choice["message"])
            if isinstance(completion.get("usage"), dict):
                decode_usage(self._quirks, completion["usage"])
        return completion

    @override
    def stream_decoder(self) -> OpenAIStreamDecoder:
        return OpenAIStreamDecoder(self._quirks)

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return openai_errors.decode_error(status, body, retry_after)

    @override
    def decode_models(self, body: bytes) -> ModelPage:
        return decode_model_list(body)


class OpenAIStreamDecoder(StreamDecoder):
    """Takes usage out of the chunks, mends their shape, and knows whether the answer has ended."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self.done = False
        self.usage: dict[str, Any] | None = None
        self.joiner = SurrogateJoiner()
        self._template: Chunk = {}
        self._normalizer = ChunkNormalizer()

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        data = event.data.strip()
        if data == _END:
            self.done = True
            return self.finish()
        if event.event == b"error":
            raise openai_errors.error_event(event)
        if not data or data == _NULL:
            return []  # a heartbeat
        chunk = parse_event(data, self.joiner)
        choices = chunk.get("choices")
        if not choices or "error" in chunk:
            openai_errors.raise_embedded(chunk)
        if choices:
            if not isinstance(choices, list):
                raise bad_response("an event whose choices are not an array")
            self._normalizer.normalize(choices)
            if self._quirks.reasoning != "reasoning_content":
                for choice in choices:
                    decode_message(self._quirks, choice["delta"])
        usage = take_usage(chunk)
        if usage is not None:
            decode_usage(self._quirks, usage)
            self.usage = usage
        if not choices:
            if usage is None and not _is_silent(event, chunk):
                raise bad_response("an event without choices")
            return []
        self._template = chunk
        return [chunk]

    @override
    def finish(self) -> list[Chunk]:
        if not self._normalizer.finished or (self._normalizer.unfinished and not self.done):
            raise truncated()
        return [usage_chunk(self._template, self.usage)] if self.usage else []


def _is_silent(event: ServerSentEvent, chunk: Chunk) -> bool:
    """Says whether an event without choices may be passed over.

    It is empty, a ping, or a chunk that only opens the stream, as Azure's with the content filter's view of the prompt.
    """
    return not chunk or event.event == b"ping" or chunk.get("type") == "ping" or "choices" in chunk
