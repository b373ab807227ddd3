"""The dialect of OpenAI's Responses API, without what OpenAI stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk, chunks_of
from arouter.chat.native import NativeCompletion, NativeRequest
from arouter.chat.request import ChatRequest
from arouter.dialects.dialect import Dialect
from arouter.dialects.responses.builder import ResponseBuilder
from arouter.dialects.responses.events import ResponseEvents
from arouter.dialects.responses.request import canonical_request
from arouter.errors import ARouterError


class ResponsesDialect(Dialect):
    """Translates the Responses API."""

    name = "responses"

    @override
    def decode(self, body: Any, headers: Mapping[str, str], *, stream: bool | None = None) -> ChatRequest:
        canonical = canonical_request(body)
        return ChatRequest(
            canonical.body,
            stream=body.get("stream") is True if stream is None else stream,
            include_usage=True,
            native=NativeRequest(self.name, body),
            unserved=canonical.unserved,
            native_only=canonical.native_only,
        )

    @override
    def encode(self, completion: Chunk, request: ChatRequest) -> dict[str, Any]:
        if isinstance(completion, NativeCompletion):
            return {**completion.native, "model": completion["model"]}
        builder = ResponseBuilder(request, _no_event)
        for chunk in chunks_of(completion):
            builder.add(chunk)
        return builder.finish()

    @override
    def events(self, request: ChatRequest) -> ResponseEvents:
        return ResponseEvents(request)

    @override
    def encode_error(self, error: ARouterError) -> dict[str, Any]:
        return error.envelope()


def _no_event(_kind: str, _members: dict[str, Any]) -> None:
    """Ignores an event: the response is complete."""
