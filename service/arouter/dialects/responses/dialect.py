"""PLACEHOLDER, replaced by the branch of this dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.dialects.dialect import Dialect, EventEncoder
from arouter.errors import ARouterError


class ResponsesDialect(Dialect):
    """PLACEHOLDER."""

    name = "responses"

    def __init__(self, *, with_events: bool = True) -> None:
        self._with_events = with_events

    @override
    def decode(self, body: Any, headers: Mapping[str, str], *, stream: bool | None = None) -> ChatRequest:
        raise NotImplementedError

    @override
    def encode(self, completion: Chunk, request: ChatRequest) -> dict[str, Any]:
        raise NotImplementedError

    @override
    def events(self, request: ChatRequest) -> EventEncoder:
        raise NotImplementedError

    @override
    def encode_error(self, error: ARouterError) -> dict[str, Any]:
        return error.envelope()
