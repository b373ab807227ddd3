"""The metadata of a typed stream, and what the log has of clients that refuse a message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from emulator import Emulator
from support.ports import HOST
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request, refusal

SMALL = 10_000


@pytest.fixture(params=["direct", "through Envoy"])
def client(request: pytest.FixtureRequest, stack: Stack, emulator: Emulator) -> Iterator[Client]:
    with stack.channel(stack.port if request.param == "through Envoy" else None) as channel:
        yield Client(stack, channel)


def named(metadata: Any) -> dict[str, Any]:
    return dict(metadata or ())


def test_a_stream_says_at_once_who_answers(client: Client) -> None:
    stream = client.chat.StreamChatCompletion(chat_request(), **client.options)

    assert named(stream.initial_metadata())["x-arouter-provider"] == "emu"
    assert list(stream)
    assert "x-arouter-provider" not in named(stream.trailing_metadata())


def test_a_slow_stream_opens_before_it_knows_who_answers(client: Client, emulator: Emulator) -> None:
    """Else a client that waits for initial metadata would wait for the first token."""
    stream = client.chat.StreamChatCompletion(chat_request("emu/hang", user="slow"), **client.options)

    initial = named(stream.initial_metadata())  # while the provider says nothing
    emulator.call("slow").release()
    pieces = list(stream)

    assert "x-arouter-provider" not in initial
    assert pieces[0].route.attempts
    trailing = named(stream.trailing_metadata())
    assert trailing["x-arouter-provider"] == "emu"
    assert "x-arouter-route" in trailing


def test_a_stream_that_is_open_may_still_fail(client: Client) -> None:
    stream = client.chat.StreamChatCompletion(chat_request("hasty/hang"), **client.options)

    stream.initial_metadata()
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)

    error = refusal(caught.value)
    assert (error.code, error.reason) == (StatusCode.DEADLINE_EXCEEDED, "PROVIDER_TIMEOUT")


@pytest.mark.parametrize("method", ["ChatCompletion", "StreamChatCompletion"])
def test_a_client_that_refuses_a_message_is_no_error_of_the_services(
    provider: Emulator, tmp_path: Path, method: str
) -> None:
    row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["1mb", "text"]}
    with running(tmp_path, {"providers": [row]}, ("serve",)) as stack:
        options = [("grpc.max_receive_message_length", SMALL)]
        with grpc.insecure_channel(f"{HOST}:{stack.grpc_port}", options) as channel:
            client = Client(stack, channel)
            for _ in range(5):
                with pytest.raises(grpc.RpcError) as caught:
                    finish(getattr(client.chat, method)(chat_request("emu/1mb"), **client.options))
                assert caught.value.code() is StatusCode.RESOURCE_EXHAUSTED
            assert client.chat.ChatCompletion(chat_request(), **client.options).choices
        provider.wait_idle()
        stack.process.stop()
        log = stack.process.log

    assert '"level":"error"' not in log
    assert "Traceback" not in log


def finish(answer: Any) -> None:
    if not hasattr(answer, "DESCRIPTOR"):
        list(answer)
