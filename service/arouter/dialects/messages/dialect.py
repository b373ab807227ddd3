"""The dialect of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.dialects.dialect import Dialect
from arouter.dialects.messages.errors import encode_error
from arouter.dialects.messages.events import MessageEvents
from arouter.dialects.messages.request import NAME, decode_request
from arouter.dialects.messages.response import encode_message
from arouter.errors import ARouterError


class MessagesDialect(Dialect):
    """Translates between Messages and the canonical chat.

    Args:
        counting: Whether requests only count tokens, so that they need no `max_tokens`.
    """

    name = NAME

    def __init__(self, *, counting: bool = False) -> None:
        self._counting = counting

    @override
    def decode(self, body: Any, headers: Mapping[str, str], *, stream: bool | None = None) -> ChatRequest:
        return decode_request(body, headers, counting=self._counting)

    @override
    def encode(self, completion: Chunk, request: ChatRequest) -> dict[str, Any]:
        return encode_message(completion, request)

    @override
    def events(self, request: ChatRequest) -> MessageEvents:
        return MessageEvents(request)

    @override
    def encode_error(self, error: ARouterError) -> dict[str, Any]:
        return encode_error(error)
