"""Calls to the generated client, and what a failed one says."""

from __future__ import annotations

from typing import Any, NamedTuple

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from arouter.v1 import (
    account_service_pb2_grpc,
    chat_message_pb2,
    chat_service_pb2,
    chat_service_pb2_grpc,
    key_service_pb2_grpc,
    model_service_pb2_grpc,
    routing_service_pb2_grpc,
)
from support.stack import Stack
from support.typed_answers import JudgedCall, judged_answer

TIMEOUT = 30.0


class Client:
    """The generated stubs on one channel, with the key of a stack or another."""

    def __init__(self, stack: Stack, channel: grpc.Channel | grpc.aio.Channel, key: str | None = None) -> None:
        self.accounts = account_service_pb2_grpc.AccountServiceStub(channel)
        self.keys = key_service_pb2_grpc.KeyServiceStub(channel)
        self.chat = chat_service_pb2_grpc.ChatServiceStub(channel)
        unary: Any = channel.unary_unary(
            "/arouter.v1.ChatService/ChatCompletion",
            request_serializer=chat_service_pb2.ChatCompletionRequest.SerializeToString,
            response_deserializer=judged_answer,
        )
        self.chat.ChatCompletion = unary
        stream: Any = self.chat.StreamChatCompletion
        judged: Any = lambda *args, **options: JudgedCall(stream(*args, **options))  # noqa: E731 -- as the stub's own
        self.chat.StreamChatCompletion = judged
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.routing = routing_service_pb2_grpc.RoutingServiceStub(channel)
        metadata = (("authorization", f"Bearer {key or stack.key}"),)
        self.options: dict[str, Any] = {"metadata": metadata, "timeout": TIMEOUT}


def chat_request(model: str = "emu/text", text: str = "hi", **fields: Any) -> chat_service_pb2.ChatCompletionRequest:
    """Returns a typed request with one user message."""
    message = chat_message_pb2.ChatMessage(role=chat_message_pb2.ROLE_USER, content=text)
    return chat_service_pb2.ChatCompletionRequest(model=model, messages=[message], **fields)


class Refusal(NamedTuple):
    """What a failed call ended with."""

    code: grpc.StatusCode
    reason: str
    info: dict[str, str]
    retry_after: int | None


def refusal(error: Any) -> Refusal:
    """Reads the status of a failed call; checks that its details and its code agree."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else _from_aio(error)
    assert status is not None, f"no google.rpc.Status in {error}"
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    seconds = None
    for detail in status.details:
        if not detail.Unpack(info) and detail.Unpack(retry):
            seconds = retry.retry_delay.seconds
    assert info.domain == "arouter"
    return Refusal(error.code(), info.reason, dict(info.metadata), seconds)


def _from_aio(error: grpc.aio.AioRpcError) -> Any:
    from google.rpc import status_pb2

    found = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    return status_pb2.Status.FromString(found) if found else None
