"""Implements `arouter.v1.GenerativeService`: Google's Gemini API."""

from __future__ import annotations

from google.api.httpbody_pb2 import HttpBody
from typing_extensions import override

from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.dialect_service import DialectService
from arouter.v1.generative_service_pb2 import GenerateContentRequest, StreamGenerateContentRequest
from arouter.v1.generative_service_pb2_grpc import GenerativeServiceServicer


class GenerativeService(GenerativeServiceServicer):
    """Serves content.

    Args:
        chat: Serves chat in the dialect with a JSON array as the stream.
        chat_with_events: Serves it with server-sent events.
    """

    def __init__(self, chat: DialectService, chat_with_events: DialectService) -> None:
        self._chat = chat
        self._chat_with_events = chat_with_events

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def GenerateContent(self, request: GenerateContentRequest, context: Context) -> HttpBody:
        chat = self._chat.read(request.http_body, context, stream=False, model=request.model)
        del request  # Free each form of a large request as soon as the next one exists.
        return await self._chat.complete(chat, context)

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def StreamGenerateContent(  # type: ignore[override]
        self, request: StreamGenerateContentRequest, context: Context
    ) -> None:
        service = self._chat_with_events if request.alt == "sse" else self._chat
        chat = service.read(request.http_body, context, stream=True, model=request.model)
        del request
        await service.write(chat, context)
