"""Gemini's dialect, as `ai.google.dev/api` documents it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.native import NativeCompletion
from arouter.chat.request import ChatRequest
from arouter.dialects.dialect import Dialect
from arouter.dialects.gemini import request as requests
from arouter.dialects.gemini.errors import encode_error
from arouter.dialects.gemini.events import GeminiArrayEncoder, GeminiEventEncoder
from arouter.dialects.gemini.response import write_completion
from arouter.errors import ARouterError


class GeminiDialect(Dialect):
    """Translates `generateContent` and `streamGenerateContent`.

    Args:
        with_events: Whether a streamed response consists of server-sent events, as with `alt=sse`; otherwise it is one
        JSON array.
    """

    name = requests.NAME

    def __init__(self, *, with_events: bool = True) -> None:
        self._encoder = GeminiEventEncoder if with_events else GeminiArrayEncoder

    @override
    def decode(self, body: Any, headers: Mapping[str, str], *, stream: bool | None = None) -> ChatRequest:
        return requests.read_request(body, stream=stream is True)

    @override
    def encode(self, completion: Chunk, request: ChatRequest) -> dict[str, Any]:
        if isinstance(completion, NativeCompletion):
            return {**completion.native, "modelVersion": completion["model"]}
        return write_completion(completion, request)

    @override
    def events(self, request: ChatRequest) -> GeminiEventEncoder:
        return self._encoder(request)

    @override
    def encode_error(self, error: ARouterError) -> dict[str, Any]:
        return encode_error(error)
