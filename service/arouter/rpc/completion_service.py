"""Implements `arouter.v1.CompletionService`: OpenAI's older API for completions of a text."""

from __future__ import annotations

from typing_extensions import override

from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.dialect_service import DialectService
from arouter.v1.completion_service_pb2 import CreateCompletionRequest
from arouter.v1.completion_service_pb2_grpc import CompletionServiceServicer


class CompletionService(CompletionServiceServicer):
    """Serves text completions.

    Args:
        texts: Serves the dialect.
    """

    def __init__(self, texts: DialectService) -> None:
        self._texts = texts

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CreateCompletion(  # type: ignore[override]
        self, request: CreateCompletionRequest, context: Context
    ) -> None:
        text = self._texts.read(request.http_body, context)
        del request  # Free each form of a large request as soon as the next one exists.
        await self._texts.write(text, context)
