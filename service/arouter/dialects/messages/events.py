"""Translates a stream to the events of the Messages API.

Their order is `message_start`, then for each content block `content_block_start`, its deltas and `content_block_stop`,
then `message_delta` and `message_stop`.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.native import NativeChunk, NativeEvent
from arouter.chat.request import ChatRequest
from arouter.dialects.dialect import EventEncoder
from arouter.dialects.messages.blocks import Blocks
from arouter.dialects.messages.citations import citation_of
from arouter.dialects.messages.ending import encode_usage, ending
from arouter.dialects.messages.errors import encode_error
from arouter.dialects.messages.response import envelope, image_note
from arouter.dialects.messages.thoughts import details_of
from arouter.dialects.sse import native_event, typed_event
from arouter.errors import ARouterError

Json = dict[str, Any]

_PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class MessageEvents(EventEncoder):
    """Encodes one stream.

    Args:
        request: The request.
    """

    content_type = "text/event-stream"
    keep_alive = _PING

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._blocks = Blocks()
        self._is_native = self._has_started = False
        self._refusal = ""
        self._last: Json = {}
        self._usage: Json | None = None
        self._service_tier: Any = None

    @override
    def encode(self, chunks: list[Chunk]) -> bytes:
        events: list[bytes] = []
        for chunk in chunks:
            if isinstance(chunk, NativeChunk):
                self._is_native = True
                events += [_native(event, chunk) for event in chunk.native]
            elif not self._is_native:
                events += map(typed_event, self._take(chunk))
        return b"".join(events)

    @override
    def finish(self) -> bytes:
        if self._is_native:
            return b""
        refusal = self._refusal or None
        # Only the finish reason tells the model's words from the provider's explanation.
        is_filtered = self._last.get("finish_reason") == "content_filter"
        if refusal and not is_filtered:
            self._blocks.write(refusal, "refusal")
        events = self._blocks.finish()
        delta = ending(
            self._last,
            self._request,
            called=self._blocks.called,
            refused=bool(refusal) and not is_filtered,
            explanation=refusal if is_filtered else None,
        )
        usage = encode_usage(self._usage)
        events.append({"type": "message_delta", "delta": delta, "usage": usage})
        events.append({"type": "message_stop"})
        return b"".join(map(typed_event, events))

    @override
    def fail(self, error: ARouterError) -> bytes:
        return typed_event(encode_error(error))

    def _take(self, chunk: Chunk) -> list[Json]:
        if usage := chunk.get("usage"):
            self._usage = usage
        events: list[Json] = []
        if not self._has_started:
            self._has_started = True
            events.append({"type": "message_start", "message": self._start(chunk)})
        for choice in chunk["choices"]:
            if choice.get("index") == 0:
                self._take_delta(choice)
        events += self._blocks.events()
        return events

    def _start(self, chunk: Chunk) -> Json:
        # Most providers report usage at the end; `message_delta` then has all counts.
        start = {**envelope(chunk), "content": [], "stop_reason": None, "stop_sequence": None}
        return {**start, "usage": encode_usage(self._usage, chunk.get("service_tier"))}

    def _take_delta(self, choice: Json) -> None:
        delta: Json = choice.get("delta") or {}
        blocks = self._blocks
        if "reasoning_content" in delta or "reasoning_details" in delta or "reasoning" in delta:
            for detail in details_of(delta):
                blocks.think(detail)
        if text := delta.get("content"):
            blocks.write(text)
        for image in delta.get("images") or ():
            blocks.write(image_note(image), key=object())
        if refusal := delta.get("refusal"):
            self._refusal += refusal
        for call in delta.get("tool_calls") or ():
            blocks.call(call)
        for annotation in delta.get("annotations") or ():
            if (cited := citation_of(annotation, 0)) is not None:
                blocks.cite(cited[0])
        if choice.get("finish_reason") is not None:
            self._last = choice


def _native(event: NativeEvent, chunk: Chunk) -> bytes:
    kind, data = event
    if data.get("type") == "message_start":
        data = {**data, "message": {**data["message"], "model": chunk["model"]}}
    return native_event(kind, data)
