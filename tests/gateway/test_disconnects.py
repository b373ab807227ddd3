"""A client that goes away, in each of the three windows: the provider call ends with it, and nothing stays open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from emulator import Emulator
from support.rest import Rest
from support.stack import Stack
from support.typed import Client, chat_request
from support.web import CONNECT_STREAM, CONNECT_UNARY, GRPC_WEB, framed

NOTICED = 1.0
"""Seconds in which the provider must see its connection closed (the issue's own figure)."""

Leave = Callable[[], None]


def body(user: str, *, stream: bool, model: str = "emu/gated") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, "user": user}


@contextmanager
def rest_before_the_first_byte(stack: Stack, user: str) -> Iterator[Leave]:
    with stack.rest() as rest:
        rest.send("POST", "/v1/chat/completions", body(user, stream=True, model="emu/hang"))
        yield rest.vanish


@contextmanager
def rest_amid_the_stream(stack: Stack, user: str) -> Iterator[Leave]:
    with stack.rest() as rest, rest.open("POST", "/v1/chat/completions", body(user, stream=True)) as response:
        received = b""
        while b"Hello" not in received:
            received += response.readline()
        yield rest.vanish


@contextmanager
def rest_not_streaming(stack: Stack, user: str) -> Iterator[Leave]:
    with stack.rest() as rest:
        rest.send("POST", "/v1/chat/completions", body(user, stream=False))
        yield rest.vanish


@contextmanager
def grpc_before_the_first_message(stack: Stack, user: str) -> Iterator[Leave]:
    with stack.channel() as channel:
        client = Client(stack, channel)
        yield client.chat.StreamChatCompletion(chat_request("emu/hang", user=user), **client.options).cancel


@contextmanager
def grpc_amid_the_stream(stack: Stack, user: str) -> Iterator[Leave]:
    with stack.channel() as channel:
        client = Client(stack, channel)
        stream = client.chat.StreamChatCompletion(chat_request("emu/gated", user=user), **client.options)
        while "Hello" not in next(stream).choices[0].delta.content:
            pass
        yield stream.cancel


@contextmanager
def grpc_unary(stack: Stack, user: str) -> Iterator[Leave]:
    with stack.channel() as channel:
        client = Client(stack, channel)
        yield client.chat.ChatCompletion.future(chat_request("emu/gated", user=user), **client.options).cancel


@contextmanager
def grpc_channel_closed(stack: Stack, user: str) -> Iterator[Leave]:
    with stack.channel() as channel:
        client = Client(stack, channel)
        stream = client.chat.StreamChatCompletion(chat_request("emu/gated", user=user), **client.options)
        while "Hello" not in next(stream).choices[0].delta.content:
            pass
        yield channel.close


def web_calls(content_type: str, path: str) -> Iterator[Callable[[Stack, str], AbstractContextManager[Leave]]]:
    """Yields the windows of a call with gRPC-Web or Connect: before the first byte, and amid a stream."""

    @contextmanager
    def before(stack: Stack, user: str) -> Iterator[Leave]:
        with stack.rest() as rest:
            rest.send("POST", path, typed(content_type, "emu/hang", user), {"content-type": content_type})
            yield rest.vanish

    @contextmanager
    def amid(stack: Stack, user: str) -> Iterator[Leave]:
        with (
            stack.rest() as rest,
            rest.open("POST", path, typed(content_type, "emu/gated", user), {"content-type": content_type}) as response,
        ):
            received = b""
            while b"Hello" not in received:
                received += response.read1()
            yield rest.vanish

    yield named(before, content_type)
    if path.endswith("/StreamChatCompletion"):
        yield named(amid, content_type)


def typed(content_type: str, model: str, user: str) -> bytes:
    message = chat_request(model, user=user).SerializeToString()
    return message if content_type == CONNECT_UNARY else framed(message)


def named(window: Any, content_type: str) -> Any:
    window.__name__ += f" {content_type}"
    return window


WINDOWS = [
    rest_before_the_first_byte,
    rest_amid_the_stream,
    rest_not_streaming,
    grpc_before_the_first_message,
    grpc_amid_the_stream,
    grpc_unary,
    grpc_channel_closed,
    *web_calls(GRPC_WEB, "/arouter.v1.ChatService/StreamChatCompletion"),
    *web_calls(CONNECT_STREAM, "/arouter.v1.ChatService/StreamChatCompletion"),
    *web_calls(CONNECT_UNARY, "/arouter.v1.ChatService/ChatCompletion"),
]


@pytest.mark.parametrize("window", WINDOWS, ids=[window.__name__ for window in WINDOWS])
def test_the_provider_sees_its_connection_closed(stack: Stack, emulator: Emulator, window: Any) -> None:
    with window(stack, window.__name__) as leave:
        call = emulator.call(window.__name__)
        assert emulator.open_calls == 1
        leave()

        assert call.disconnected.wait(NOTICED)
    emulator.wait_idle()
    assert emulator.open_calls == 0


@pytest.mark.parametrize("window", WINDOWS[:3], ids=[window.__name__ for window in WINDOWS[:3]])
def test_twenty_vanished_clients_leave_no_connection_to_the_provider(
    stack: Stack, rest: Rest, emulator: Emulator, window: Any
) -> None:
    assert rest.chat(body("first", stream=False, model="emu/text")).status == 200
    before = emulator.open_connections

    for number in range(20):
        user = f"{window.__name__} {number}"
        with window(stack, user) as leave:
            call = emulator.call(user)
            leave()
            assert call.disconnected.wait(NOTICED)

    emulator.wait_for(lambda: emulator.open_connections <= before)
    assert rest.chat(body("last", stream=False, model="emu/text")).status == 200


@pytest.mark.parametrize("door", ["rest", "grpc"])
def test_a_client_that_does_not_read_is_given_up_in_the_end(stack: Stack, emulator: Emulator, door: str) -> None:
    """Its provider's total deadline ends the call although it is the client who holds it up."""
    if door == "rest":
        with stack.rest() as rest:
            rest.send("POST", "/v1/chat/completions", body("lazy", stream=True, model="hasty/flood"))
            assert emulator.call("lazy").disconnected.wait(20)
    else:
        with stack.channel() as channel:
            client = Client(stack, channel)
            stream = client.chat.StreamChatCompletion(chat_request("hasty/flood", user="lazy"), **client.options)
            assert emulator.call("lazy").disconnected.wait(20)
            stream.cancel()
