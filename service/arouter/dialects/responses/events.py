"""Encodes a streamed response as the server-sent events of the Responses API."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.native import NativeChunk
from arouter.chat.request import ChatRequest
from arouter.dialects.dialect import EventEncoder
from arouter.dialects.responses.builder import ResponseBuilder
from arouter.dialects.responses.errors import error_event, response_error
from arouter.dialects.sse import native_event, typed_event
from arouter.errors import ARouterError

Json = dict[str, Any]


class ResponseEvents(EventEncoder):
    """The state of one stream.

    Args:
        request: The request.
    """

    content_type = "text/event-stream"
    keep_alive = b": keep-alive\n\n"

    def __init__(self, request: ChatRequest) -> None:
        self._sequence = 0
        self._events: list[bytes] = []
        self._builder = ResponseBuilder(request, self._emit)
        self._native: Json | None = None

    @override
    def encode(self, chunks: list[Chunk]) -> bytes:
        for chunk in chunks:
            if isinstance(chunk, NativeChunk):
                self._pass(chunk)
            elif self._native is None:
                self._builder.add(chunk)
        return self._taken()

    @override
    def finish(self) -> bytes:
        if self._native is None:
            self._builder.finish()
        return self._taken()

    @override
    def fail(self, error: ARouterError) -> bytes:
        self._emit("error", error_event(error))
        if self._native is None:
            self._builder.fail(response_error(error))
        else:
            response = {**self._native, "status": "failed", "error": response_error(error)}
            self._emit("response.failed", {"response": response})
        return self._taken()

    def _pass(self, chunk: NativeChunk) -> None:
        """Sends a provider's own events, with our model id in those that contain the response."""
        if self._native is None:
            self._native = {}
        for name, event in chunk.native:
            response = event.get("response")
            if isinstance(response, dict):
                if "model" in chunk:
                    response = {**response, "model": chunk["model"]}
                    event = {**event, "response": response}
                self._native = response
            number = event.get("sequence_number")
            self._sequence = number + 1 if type(number) is int else self._sequence + 1
            self._events.append(native_event(name, event))

    def _emit(self, kind: str, members: Json) -> None:
        self._events.append(typed_event({"type": kind, "sequence_number": self._sequence, **members}))
        self._sequence += 1

    def _taken(self) -> bytes:
        taken = b"".join(self._events)
        self._events.clear()
        return taken
