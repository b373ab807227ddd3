"""Implements `arouter.v1.MessageService`: Anthropic's Messages API."""

from __future__ import annotations

from typing_extensions import override

from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.dialect_service import DialectService
from arouter.v1.message_service_pb2 import CreateMessageRequest
from arouter.v1.message_service_pb2_grpc import MessageServiceServicer


class MessageService(MessageServiceServicer):
    """Serves messages.

    Args:
        chat: Serves chat in the dialect.
    """

    def __init__(self, chat: DialectService) -> None:
        self._chat = chat

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CreateMessage(self, request: CreateMessageRequest, context: Context) -> None:  # type: ignore[override]
        chat = self._chat.read(request.http_body, context)
        del request  # Free each form of a large request as soon as the next one exists.
        await self._chat.write(chat, context)
