"""Text completions as a client dialect: the content of a canonical message is the text of a choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.dialects.completions.request import text_request
from arouter.dialects.dialect import Dialect, EventEncoder
from arouter.dialects.sse import event
from arouter.errors import ARouterError


class CompletionsDialect(Dialect):
    """Translates text completions."""

    name = "completions"

    @override
    def decode(self, body: Any, headers: Mapping[str, str], *, stream: bool | None = None) -> ChatRequest:
        return text_request(body)

    @override
    def encode(self, completion: Chunk, request: ChatRequest) -> dict[str, Any]:
        return _document(completion)

    @override
    def events(self, request: ChatRequest) -> EventEncoder:
        return _Events(with_usage=request.include_usage)

    @override
    def encode_error(self, error: ARouterError) -> dict[str, Any]:
        return error.envelope()


class _Events(EventEncoder):
    content_type = "text/event-stream"
    keep_alive = b": keep-alive\n\n"

    def __init__(self, *, with_usage: bool) -> None:
        self._with_usage = with_usage

    @override
    def encode(self, chunks: list[Chunk]) -> bytes:
        if not self._with_usage:
            return b"".join(event(_document(chunk)) for chunk in chunks if chunk["choices"])
        return b"".join(event({"usage": None, **_document(chunk)}) for chunk in chunks)

    @override
    def finish(self) -> bytes:
        return b"data: [DONE]\n\n"

    @override
    def fail(self, error: ARouterError) -> bytes:
        return event(error.envelope())


def _document(document: Chunk) -> dict[str, Any]:
    return {**document, "object": "text_completion", "choices": [*map(_choice, document["choices"])]}


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.get("message") or choice.get("delta") or {}
    rest = {name: value for name, value in choice.items() if name not in ("message", "delta")}
    return {"text": message.get("content") or "", "logprobs": None, **rest}
