"""The `openai` wire protocol: Chat Completions, as supported by OpenAI and most other providers.

It is also the canonical form. A request therefore needs only the native model name and the vendor's quirks, and an
answer only validation. Fields that ARouter does not know pass through in both directions.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk, usage_chunk
from arouter.chat.request import ChatRequest
from arouter.errors import ProviderError
from arouter.providers import openai_errors
from arouter.providers.adapter import Adapter, ModelPage, StreamDecoder, WireRequest
from arouter.providers.json_reader import parse_event, parse_object
from arouter.providers.json_writer import request_json
from arouter.providers.openai_answer import ChunkNormalizer, normalize_completion, take_usage
from arouter.providers.openai_models import decode_model_list
from arouter.providers.provider_errors import bad_response, truncated
from arouter.providers.quirks import DEFAULT, Quirks, decode_message, decode_usage, encode_body
from arouter.providers.responses.wire import DIALECT, responses_wire
from arouter.providers.sse import ServerSentEvent
from arouter.providers.surrogates import SurrogateJoiner
from arouter.providers.translated_requests import adapt

_END = b"[DONE]"
_NULL = b"null"
_STREAM_OPTIONS = "stream_options"
_ALWAYS = frozenset({"model", "stream"})
_NONE: frozenset[str] = frozenset()


class OpenAIAdapter(Adapter):
    """Forwards requests and validates answers.

    Args:
        quirks: The vendor's deviations from OpenAI's protocol.
    """

    models_path = "/models"

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or DEFAULT
        self.dialect = DIALECT if self._quirks.responses else None

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
        if self._quirks.responses and (wire := responses_wire(request, model, self._quirks, without)) is not None:
            return wire
        body = {**request.body, "model": model}
        if request.stream:
            body["stream"] = True
            if _STREAM_OPTIONS not in without:
                # Usage is always requested, because the cost depends on it, even if the client does not ask for it.
                body[_STREAM_OPTIONS] = {**(body.get(_STREAM_OPTIONS) or {}), "include_usage": True}
        refused: dict[str, None] = {}
        optional = _NONE if request.native is None else adapt(body, without, refused)
        dropped, names = encode_body(self._quirks, body, without)
        added = body.keys() - request.body.keys() - _ALWAYS
        if optional:
            added |= optional & body.keys()
        if refused:
            dropped = (*refused, *dropped)
        return WireRequest("/chat/completions", request_json(body), dropped, names=names, added=frozenset(added))

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        completion = parse_object(body, "a response")
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
        return decode_model_list(body, responses=self._quirks.responses)


class OpenAIStreamDecoder(StreamDecoder):
    """Extracts usage from chunks, repairs their shape, and tracks whether the answer is complete."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self.done = False
        self.usage: dict[str, Any] | None = None
        self.joiner = SurrogateJoiner()
        self._template: Chunk = {}
        self._normalizer = ChunkNormalizer()

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        data, name = event
        if name or not data.startswith(b"{"):
            data = data.strip()
            if data == _END:
                self.done = True
                return self.finish()
            if name == b"error":
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
    """Returns whether an event without choices can be ignored.

    It is empty, a ping, or a chunk that only opens the stream, such as Azure's content filter results for the prompt.
    """
    return not chunk or event.event == b"ping" or chunk.get("type") == "ping" or "choices" in chunk
