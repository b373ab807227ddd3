"""The client for asyncio."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from arouter.client.accumulator import Accumulator
from arouter.client.async_calls import AsyncChannel, AsyncStream, Start
from arouter.client.connection import Connection, Options, Tls
from arouter.client.metadata import AsyncKey, CallOptions, Defaults, arguments
from arouter.client.stubs import AsyncStubs
from arouter.v1.chat_service_pb2 import ChatCompletionRequest, ChatCompletionResponse, StreamChatCompletionResponse
from arouter.v1.embedding_service_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from arouter.v1.model_pb2 import Model
from arouter.v1.model_service_pb2 import GetModelRequest, ListModelsRequest


class AsyncClient(AsyncStubs):
    """A client of ARouter: one for the whole process.

    Opens a connection with the first call of each event loop. All services are attributes
    (`await client.key_service.ListKeys(…)`); the methods are for the most frequent calls. Every failed call raises
    `CallError`.

    Args:
        target: The service or the gateway: `127.0.0.1:50051`, `dns:///arouter.example.com:443`.
        key: The API key, or a function that returns it, with or without `async`, which is called for each call. None to
            send none.
        tls: `Tls(…)` or True for TLS, False for plaintext. The default is TLS, except for a target on the same machine.
        timeout: Seconds until the deadline of each call that sets none; None for no deadline.
        authority: The name that is sent and, with TLS, verified. The default is the target's.
        metadata: Metadata of every call.
        options: Further channel arguments of grpc, which override the client's.
    """

    def __init__(
        self,
        target: str,
        *,
        key: AsyncKey | None = None,
        tls: Tls | bool | None = None,
        timeout: float | None = 600,
        authority: str | None = None,
        metadata: Mapping[str, str | bytes] | None = None,
        options: Options = (),
    ) -> None:
        self._calls = AsyncChannel(Connection(target, tls, authority, options), Defaults(timeout, metadata or {}), key)
        super().__init__(self._calls)

    async def list_models(self, output_modalities: str = "", **options: Unpack[CallOptions]) -> list[Model]:
        """Returns the models that the key may use.

        Args:
            output_modalities: What the models generate: `embeddings`, `all`, …; text if empty.
            **options: See `CallOptions`.
        """
        request = ListModelsRequest(output_modalities=output_modalities)
        return list((await self.model_service.ListModels(request, **arguments(options))).data)

    async def get_model(self, model: str, **options: Unpack[CallOptions]) -> Model:
        """Returns one model."""
        return await self.model_service.GetModel(GetModelRequest(model=model), **arguments(options))

    async def chat(self, request: ChatCompletionRequest, **options: Unpack[CallOptions]) -> ChatCompletionResponse:
        """Returns a chat completion."""
        return await self.chat_service.ChatCompletion(request, **arguments(options))

    def stream_chat(self, request: ChatCompletionRequest, **options: Unpack[CallOptions]) -> AsyncChatStream:
        """Returns the chunks of a chat completion as the model generates them."""
        method: Any = self.chat_service.StreamChatCompletion
        return AsyncChatStream(*method.starter(request, **arguments(options)))

    async def embed(self, request: CreateEmbeddingsRequest, **options: Unpack[CallOptions]) -> CreateEmbeddingsResponse:
        """Returns the embeddings of texts."""
        return await self.embedding_service.CreateEmbeddings(request, **arguments(options))

    async def close(self) -> None:
        """Ends all calls and closes the connection. The client cannot be used again."""
        await self._calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class AsyncChatStream(AsyncStream[StreamChatCompletionResponse]):
    """The chunks of a chat completion, which it also adds up."""

    def __init__(self, channel: AsyncChannel, start: Start) -> None:
        super().__init__(channel, start)
        self._accumulator = Accumulator()

    async def __anext__(self) -> StreamChatCompletionResponse:
        chunk = await super().__anext__()
        self._accumulator.add(chunk)
        return chunk

    def completion(self) -> ChatCompletionResponse:
        """Returns what the chunks that were read add up to. Complete once the iteration has ended."""
        return self._accumulator.completion()
