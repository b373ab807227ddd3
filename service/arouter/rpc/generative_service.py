"""Implements `arouter.v1.GenerativeService`: Google's Gemini API."""

from __future__ import annotations

from google.api.httpbody_pb2 import HttpBody
from typing_extensions import override

from arouter.calls.token_counter import TokenCounter
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.types import missing
from arouter.dialects.gemini.models import count_json, model_json, page_of
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.dialect_service import DialectService
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.json_body import json_body
from arouter.rpc.token_counts import count_tokens
from arouter.v1.generative_service_pb2 import (
    CountTokensRequest,
    GenerateContentRequest,
    GetGenerativeModelRequest,
    ListGenerativeModelsRequest,
    StreamGenerateContentRequest,
)
from arouter.v1.generative_service_pb2_grpc import GenerativeServiceServicer


class GenerativeService(GenerativeServiceServicer):
    """Serves content.

    Args:
        chat: Serves chat in the dialect with a JSON array as the stream.
        chat_with_events: Serves it with server-sent events.
        catalogue: All models.
        counter: Counts tokens.
    """

    def __init__(
        self, chat: DialectService, chat_with_events: DialectService, catalogue: Catalogue, counter: TokenCounter
    ) -> None:
        self._counter = counter
        self._catalogue = catalogue
        self._chat = chat
        self._chat_with_events = chat_with_events

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def GenerateContent(self, request: GenerateContentRequest, context: Context) -> HttpBody:
        chat = self._chat.read(request.http_body, context, stream=False, model=_named(request.model))
        del request  # Free each form of a large request as soon as the next one exists.
        return await self._chat.complete(chat, context)

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def StreamGenerateContent(  # type: ignore[override]
        self, request: StreamGenerateContentRequest, context: Context
    ) -> None:
        service = self._chat_with_events if request.alt == "sse" else self._chat
        chat = service.read(request.http_body, context, stream=True, model=_named(request.model))
        del request
        await service.write(chat, context)

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CountTokens(self, request: CountTokensRequest, context: Context) -> HttpBody:
        chat = self._chat.read(request.http_body, context, stream=False, model=_named(request.model))
        del request
        return json_body(count_json(await count_tokens(self._counter, chat, context)))

    @requires(Access.REGULAR_KEY)
    @override
    async def ListGenerativeModels(self, request: ListGenerativeModelsRequest, context: Context) -> HttpBody:
        models = self._catalogue.offer(caller.get().key).models
        page, token = page_of(list(models), request.page_size, request.page_token)
        listed = [model_json(id_, models[id_].details) for id_ in page]
        return json_body({"models": listed, **({"nextPageToken": token} if token else {})})

    @requires(Access.REGULAR_KEY)
    @override
    async def GetGenerativeModel(self, request: GetGenerativeModelRequest, context: Context) -> HttpBody:
        model = self._catalogue.find(request.model, caller.get().key)
        return json_body(model_json(model.id, model.details))


def _named(model: str) -> str:
    """Returns the model's name.

    Raises:
        ARouterError: INVALID_REQUEST if there is none.
    """
    if not model:
        raise missing("model")
    return model
