"""Implements `arouter.v1.EmbeddingService`: OpenAI's JSON and its typed equivalent, on the same pipeline."""

from __future__ import annotations

from google.api.httpbody_pb2 import HttpBody
from typing_extensions import override

from arouter.chat.embeddings import parse_embedding_request
from arouter.errors import ARouterError
from arouter.rpc.access import Access, requires
from arouter.rpc.answer_headers import answer_headers
from arouter.rpc.calls import ChatCalls
from arouter.rpc.context import Context
from arouter.rpc.json_body import answer_body
from arouter.rpc.typed.embedding import embeddings_to_proto, typed_embeddings, typed_token_path
from arouter.rpc.typed.route import taken_route
from arouter.v1.embedding_service_pb2 import (
    CreateEmbeddingsRequest,
    CreateEmbeddingsResponse,
    CreateJsonEmbeddingsRequest,
)
from arouter.v1.embedding_service_pb2_grpc import EmbeddingServiceServicer


class EmbeddingService(EmbeddingServiceServicer):
    """Serves embeddings.

    Args:
        calls: Opens calls.
    """

    def __init__(self, calls: ChatCalls) -> None:
        self._calls = calls

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CreateJsonEmbeddings(self, request: CreateJsonEmbeddingsRequest, context: Context) -> HttpBody:
        body = request.http_body.data
        del request  # Free each form of a large request as soon as the next one exists.
        embedding = parse_embedding_request(body)
        del body
        async with self._calls.answer(embedding, context) as answer:
            context.set_trailing_metadata(answer_headers(answer))
            return answer_body(answer.completion)

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CreateEmbeddings(self, request: CreateEmbeddingsRequest, context: Context) -> CreateEmbeddingsResponse:
        has_tokens = bool(request.token_input)
        try:
            embedding = typed_embeddings(request)
            del request
            async with self._calls.answer(embedding, context) as answer:
                response = embeddings_to_proto(answer.completion)
                response.route.CopyFrom(taken_route(answer.record))
                context.set_trailing_metadata(answer_headers(answer))
                return response
        except ARouterError as error:
            if has_tokens:
                error.rename_param(typed_token_path)
            raise
