"""The generated stubs of all services as attributes, which are imported when they are used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arouter.v1.account_service_pb2_grpc import AccountServiceAsyncStub, AccountServiceStub
    from arouter.v1.audit_service_pb2_grpc import AuditServiceAsyncStub, AuditServiceStub
    from arouter.v1.chat_service_pb2_grpc import ChatServiceAsyncStub, ChatServiceStub
    from arouter.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub, CompletionServiceStub
    from arouter.v1.embedding_service_pb2_grpc import EmbeddingServiceAsyncStub, EmbeddingServiceStub
    from arouter.v1.generative_service_pb2_grpc import GenerativeServiceAsyncStub, GenerativeServiceStub
    from arouter.v1.key_service_pb2_grpc import KeyServiceAsyncStub, KeyServiceStub
    from arouter.v1.message_service_pb2_grpc import MessageServiceAsyncStub, MessageServiceStub
    from arouter.v1.model_service_pb2_grpc import ModelServiceAsyncStub, ModelServiceStub
    from arouter.v1.provider_service_pb2_grpc import ProviderServiceAsyncStub, ProviderServiceStub
    from arouter.v1.response_service_pb2_grpc import ResponseServiceAsyncStub, ResponseServiceStub
    from arouter.v1.routing_service_pb2_grpc import RoutingServiceAsyncStub, RoutingServiceStub
    from arouter.v1.usage_service_pb2_grpc import UsageServiceAsyncStub, UsageServiceStub


class Stubs:
    """The stubs of `arouter.v1` for threads. Their calls have the client's key and deadline and raise `CallError`."""

    account_service: AccountServiceStub
    audit_service: AuditServiceStub
    chat_service: ChatServiceStub
    completion_service: CompletionServiceStub
    embedding_service: EmbeddingServiceStub
    generative_service: GenerativeServiceStub
    key_service: KeyServiceStub
    message_service: MessageServiceStub
    model_service: ModelServiceStub
    provider_service: ProviderServiceStub
    response_service: ResponseServiceStub
    routing_service: RoutingServiceStub
    usage_service: UsageServiceStub

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return _stub(self, name)


class AsyncStubs:
    """The same stubs for asyncio."""

    account_service: AccountServiceAsyncStub
    audit_service: AuditServiceAsyncStub
    chat_service: ChatServiceAsyncStub
    completion_service: CompletionServiceAsyncStub
    embedding_service: EmbeddingServiceAsyncStub
    generative_service: GenerativeServiceAsyncStub
    key_service: KeyServiceAsyncStub
    message_service: MessageServiceAsyncStub
    model_service: ModelServiceAsyncStub
    provider_service: ProviderServiceAsyncStub
    response_service: ResponseServiceAsyncStub
    routing_service: RoutingServiceAsyncStub
    usage_service: UsageServiceAsyncStub

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return _stub(self, name)


def _stub(stubs: Stubs | AsyncStubs, name: str) -> Any:
    """Builds a stub for an attribute that is used for the first time."""
    if name not in Stubs.__annotations__:
        raise AttributeError(f"{type(stubs).__name__!r} has no attribute {name!r}.")
    module = importlib.import_module(f"arouter.v1.{name}_pb2_grpc")
    stub = getattr(module, f"{name.title().replace('_', '')}Stub")(stubs._channel)
    setattr(stubs, name, stub)
    return stub
