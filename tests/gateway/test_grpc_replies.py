"""What the gateway answers to native gRPC calls by itself has the details that the service's own answers have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from emulator import Emulator
from support.edge import Edge, edge
from support.ports import HOST, refusing_port
from support.stack import Stack
from support.typed import Client, Refusal, chat_request, refusal

CHAT = "/arouter.v1.ChatService/ChatCompletion"


@pytest.fixture(scope="module")
def front(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with edge(stack, tmp_path_factory.mktemp("edge"), request_timeout=1.0, stream_idle_timeout=2.0) as running:
        yield running


@pytest.fixture
def client(stack: Stack, front: Edge) -> Iterator[Client]:
    with stack.channel(front.port) as channel:
        yield Client(stack, channel)


def refused(call: Callable[..., Any], *arguments: Any, **options: Any) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return refusal(caught.value)


def test_a_service_that_is_not_there_is_unavailable(stack: Stack, tmp_path: Path) -> None:
    with (
        refusing_port() as port,
        edge(stack, tmp_path, services=((HOST, port),)) as front,
        stack.channel(front.port) as channel,
    ):
        client = Client(stack, channel)
        error = refused(client.chat.ChatCompletion, chat_request(), **client.options)

    assert (error.code, error.reason, error.retry_after) == (StatusCode.UNAVAILABLE, "UNAVAILABLE", 1)
    assert error.info == {"http_status": "503", "type": "server_error", "code": "unavailable"}


def test_an_answer_that_does_not_come_is_unavailable(client: Client, emulator: Emulator) -> None:
    error = refused(client.chat.ChatCompletion, chat_request("emu/gated"), **client.options)

    assert (error.code, error.reason) == (StatusCode.UNAVAILABLE, "UNAVAILABLE")


def test_a_message_that_does_not_come_is_unknown_but_explained(stack: Stack, front: Edge) -> None:
    ended = threading.Event()

    def nothing() -> Iterator[bytes]:
        ended.wait()
        yield from ()

    with stack.channel(front.port) as channel:
        error = refused(channel.stream_unary(CHAT), nothing(), metadata=stack.metadata, timeout=20)
        ended.set()

    assert (error.code, error.reason) == (StatusCode.UNKNOWN, "REQUEST_TIMEOUT")
