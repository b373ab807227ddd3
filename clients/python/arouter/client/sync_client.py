"""The client for threads."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from arouter.client.accumulator import Accumulator
from arouter.client.connection import Connection, Options, Tls
from arouter.client.metadata import CallOptions, Defaults, Key, arguments
from arouter.client.stubs import Stubs
from arouter.client.sync_calls import Channel, Stream
from arouter.v1.chat_service_pb2 import ChatCompletionRequest, ChatCompletionResponse, StreamChatCompletionResponse
from arouter.v1.embedding_service_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse
from arouter.v1.model_pb2 import Model
from arouter.v1.model_service_pb2 import GetModelRequest, ListModelsRequest


class Client(Stubs):
    """A client of ARouter: one for the whole process, for all its threads.

    Opens a connection with the first call, and another one in a forked process. All services are attributes
    (`client.key_service.ListKeys(…)`); the methods are for the most frequent calls. Every failed call raises
    `CallError`.

    Args:
        target: The service or the gateway: `127.0.0.1:50051`, `dns:///arouter.example.com:443`.
        key: The API key, or a function that returns it, which is called for each call. None to send none.
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
        key: Key | None = None,
        tls: Tls | bool | None = None,
        timeout: float | None = 600,
        authority: str | None = None,
        metadata: Mapping[str, str | bytes] | None = None,
        options: Options = (),
    ) -> None:
        self._calls = Channel(Connection(target, tls, authority, options), Defaults(timeout, metadata or {}), key)
        super().__init__(self._calls)

    def list_models(self, output_modalities: str = "", **options: Unpack[CallOptions]) -> list[Model]:
        """Returns the models that the key may use.

        Args:
            output_modalities: What the models generate: `embeddings`, `all`, …; text if empty.
            **options: See `CallOptions`.
        """
        request = ListModelsRequest(output_modalities=output_modalities)
        return list(self.model_service.ListModels(request, **arguments(options)).data)

    def get_model(self, model: str, **options: Unpack[CallOptions]) -> Model:
        """Returns one model."""
        return self.model_service.GetModel(GetModelRequest(model=model), **arguments(options))

    def chat(self, request: ChatCompletionRequest, **options: Unpack[CallOptions]) -> ChatCompletionResponse:
        """Returns a chat completion."""
        return self.chat_service.ChatCompletion(request, **arguments(options))

    def stream_chat(self, request: ChatCompletionRequest, **options: Unpack[CallOptions]) -> ChatStream:
        """Returns the chunks of a chat completion as the model generates them."""
        method: Any = self.chat_service.StreamChatCompletion
        return ChatStream(*method.start(request, **arguments(options)))

    def embed(self, request: CreateEmbeddingsRequest, **options: Unpack[CallOptions]) -> CreateEmbeddingsResponse:
        """Returns the embeddings of texts."""
        return self.embedding_service.CreateEmbeddings(request, **arguments(options))

    def close(self) -> None:
        """Ends all calls and closes the connection. The client cannot be used again."""
        self._calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class ChatStream(Stream[StreamChatCompletionResponse]):
    """The chunks of a chat completion, which it also adds up."""

    def __init__(self, call: Any, request_id: str | None) -> None:
        super().__init__(call, request_id)
        self._accumulator = Accumulator()

    def __next__(self) -> StreamChatCompletionResponse:
        chunk = super().__next__()
        self._accumulator.add(chunk)
        return chunk

    def completion(self) -> ChatCompletionResponse:
        """Returns what the chunks that were read add up to. Complete once the iteration has ended."""
        return self._accumulator.completion()
