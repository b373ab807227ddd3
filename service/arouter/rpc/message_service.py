"""Implements `arouter.v1.MessageService`: Anthropic's Messages API."""

from __future__ import annotations

from google.api.httpbody_pb2 import HttpBody
from typing_extensions import override

from arouter.calls.token_counter import TokenCounter
from arouter.catalogue.catalogue import Catalogue
from arouter.dialects.messages.models import encode_model, encode_models
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.dialect_service import DialectService
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.json_body import json_body
from arouter.rpc.token_counts import count_tokens
from arouter.v1.message_service_pb2 import (
    CountMessageTokensRequest,
    CreateMessageRequest,
    MessageServiceGetModelRequest,
    MessageServiceListModelsRequest,
)
from arouter.v1.message_service_pb2_grpc import MessageServiceServicer


class MessageService(MessageServiceServicer):
    """Serves messages.

    Args:
        chat: Serves chat in the dialect.
        counting: Reads requests to count tokens.
        counter: Counts tokens.
        catalogue: All models.
    """

    def __init__(
        self, chat: DialectService, counting: DialectService, counter: TokenCounter, catalogue: Catalogue
    ) -> None:
        self._chat = chat
        self._counting = counting
        self._counter = counter
        self._catalogue = catalogue

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CreateMessage(self, request: CreateMessageRequest, context: Context) -> None:  # type: ignore[override]
        chat = self._chat.read(request.http_body, context)
        del request  # Free each form of a large request as soon as the next one exists.
        await self._chat.write(chat, context)

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CountMessageTokens(self, request: CountMessageTokensRequest, context: Context) -> HttpBody:
        chat = self._counting.read(request.http_body, context)
        del request
        return json_body({"input_tokens": await count_tokens(self._counter, chat, context)})

    @requires(Access.REGULAR_KEY)
    @override
    async def ListModels(self, request: MessageServiceListModelsRequest, context: Context) -> HttpBody:
        visible = list(self._catalogue.visible(caller.get().key))
        return json_body(encode_models(visible, limit=request.limit, after=request.after_id, before=request.before_id))

    @requires(Access.REGULAR_KEY)
    @override
    async def GetModel(self, request: MessageServiceGetModelRequest, context: Context) -> HttpBody:
        return json_body(encode_model(self._catalogue.find(request.model, caller.get().key)))
