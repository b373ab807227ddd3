"""What clients may do to a worker that mean it ill: its memory stays bounded, and others are answered."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.api import httpbody_pb2
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from arouter.v1.chat_service_pb2 import CreateChatCompletionRequest
from arouter.v1.routing_service_pb2 import ExplainRouteRequest
from emulator import Emulator
from support.http2_frames import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    RST_STREAM,
    Connection,
    call_headers,
    frame,
)
from support.http2_frames import message as wire_message
from support.keys import add_key
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request, refusal

CHAT = "/arouter.v1.ChatService/"
SIZE = 10 * 1024 * 1024 - 1000
AT_ONCE = 8
MIB = 1024 * 1024
GROWTH = 400 * MIB
"""Bytes by which a worker may grow, what it keeps of tests before included: 300 MiB are promised to a fresh one."""

LONGEST = 10.0
"""Seconds that another key's call may take; on a quiet machine it is a tenth of that."""


@pytest.fixture(scope="module")
def worker(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": provider.models}
    with running(tmp_path_factory.mktemp("hostile"), {"providers": [row]}, ("serve",)) as stack:
        yield stack


@pytest.fixture(scope="module")
def other_key(worker: Stack) -> str:
    key = add_key(worker.folder / "state")
    with worker.channel() as channel:
        client = Client(worker, channel, key)
        while not is_known(client):
            pass
    return key


def is_known(client: Client) -> bool:
    try:
        client.chat.ChatCompletion(chat_request(), **client.options)
    except grpc.RpcError:
        return False
    return True


@contextmanager
def bounded(stack: Stack, growth: int = GROWTH) -> Iterator[None]:
    """Checks that a worker does not grow by more, looking at it all the time."""
    process = psutil.Process(stack.process.pid)
    sizes = [process.memory_info().rss]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.01):
            sizes.append(process.memory_info().rss)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()
    assert max(sizes) - sizes[0] < growth, [size // MIB for size in sizes[:: len(sizes) // 50 + 1]]


def body(filling: bytes) -> bytes:
    """Returns a REST request whose unknown field has one small value after the other."""
    head = b'{"model":"emu/text","messages":[{"role":"user","content":"hi"}],"x":['
    return http_body(head + filling * ((SIZE - 100) // len(filling)) + b"0]}")


def http_body(data: bytes) -> bytes:
    return CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=data)).SerializeToString()


LARGE = {
    "lists": ("CreateChatCompletion", body(b"[],"), "INVALID_REQUEST"),
    "objects": ("CreateWholeChatCompletion", body(b'{"":0},'), "INVALID_REQUEST"),
    "strings": ("CreateChatCompletion", body('"é",'.encode()), "INVALID_REQUEST"),
    "typed messages": ("ChatCompletion", b"\x12\x00" * (SIZE // 2), "INVALID_REQUEST"),
    "typed tools": ("StreamChatCompletion", b"\x1a\x00" * (SIZE // 2), "INVALID_REQUEST"),
    "a schema": (
        "ChatCompletion",
        chat_request(extra_body='{"a":[' + "[]," * (SIZE // 3) + "0]}").SerializeToString(),
        "INVALID_REQUEST",
    ),
    # Four bytes for each character, because of one.
    "a text": (
        "CreateWholeChatCompletion",
        http_body(
            '{"model":"emu/missing","messages":[{"role":"user","content":"🙂'.encode() + b"a" * (SIZE - 200) + b'"}]}'
        ),
        "MODEL_NOT_FOUND",
    ),
}


@pytest.mark.parametrize("kind", LARGE)
async def test_eight_large_requests_at_a_time_cost_little(
    worker: Stack, other_key: str, emulator: Emulator, kind: str
) -> None:
    method, data, reason = LARGE[kind]

    async def send(channel: aio.Channel) -> str:
        call = channel.unary_stream(CHAT + method)(data, metadata=worker.metadata, timeout=60)
        with pytest.raises(aio.AioRpcError) as caught:
            await call.read()
        return refusal(caught.value).reason

    async with worker.async_channel() as channel, worker.async_channel() as quiet:
        client = Client(worker, quiet, other_key)
        with bounded(worker):
            sending = [asyncio.ensure_future(send(channel)) for _ in range(AT_ONCE)]
            while not all(each.done() for each in sending):
                began = time.monotonic()
                await client.chat.ChatCompletion(chat_request(), **client.options)
                assert time.monotonic() - began < LONGEST
            reasons = await asyncio.gather(*sending)

    # Those that are too many at a time are refused for that.
    assert set(reasons) <= {reason, "UNAVAILABLE"}
    assert reason in reasons


async def test_other_methods_have_the_same_bounds(worker: Stack, emulator: Emulator) -> None:
    async with worker.async_channel() as channel:
        client = Client(worker, channel)
        data = CreateChatCompletionRequest.FromString(LARGE["lists"][1]).http_body.data
        request = ExplainRouteRequest(http_body=httpbody_pb2.HttpBody(data=data))
        with bounded(worker), pytest.raises(aio.AioRpcError) as caught:
            await client.routing.ExplainRoute(request, **client.options)

    assert refusal(caught.value).reason == "INVALID_REQUEST"


@pytest.mark.parametrize("method", ["ChatCompletion", "StreamChatCompletion", "CreateChatCompletion"])
async def test_without_a_key_messages_that_never_end_are_not_received(worker: Stack, method: str) -> None:
    """Sixty calls with all of 10 MB but a byte. The answer comes, and what is sent after it is not kept."""
    data = wire_message(bytes(SIZE))[:-1]
    headers = call_headers(CHAT + method, ("authorization", "Bearer wrong"))

    def send() -> int:
        with Connection(worker.grpc_port) as connection:
            streams = [connection.next_stream() for _ in range(60)]
            connection.send(b"".join(frame(HEADERS, END_HEADERS, stream, headers) for stream in streams))
            for start in range(0, 10 * 16384, 16384):  # as much as windows let through
                piece = data[start : start + 16384]
                connection.send(b"".join(frame(DATA, 0, stream, piece) for stream in streams[:4]))
            ended = set()
            while ended != set(streams):
                received = connection.read(30)
                assert received is not None
                kind, flags, stream, _ = received
                if stream and (kind == RST_STREAM or flags & END_STREAM):
                    ended.add(stream)
            return len(ended)

    with bounded(worker, 100 * MIB):
        assert await asyncio.to_thread(send) == 60


async def test_with_a_key_messages_that_never_end_are_bounded(worker: Stack, other_key: str) -> None:
    """Without a window for it, gRPC sends no more than the server is ready to receive."""
    ready = asyncio.Event()

    async def send(channel: aio.Channel) -> StatusCode:
        async def messages() -> AsyncIterator[bytes]:
            await ready.wait()
            yield b"\x12\x00"

        call = channel.stream_unary(CHAT + "ChatCompletion")(messages(), metadata=worker.metadata, timeout=60)
        code: StatusCode = await call.code()
        return code

    async with worker.async_channel() as channel, worker.async_channel() as quiet:
        sending = [asyncio.ensure_future(send(channel)) for _ in range(20)]
        client = Client(worker, quiet, other_key)
        refused = 0
        while refused < 17:
            await client.chat.ChatCompletion(chat_request(), **client.options)
            refused = sum(each.done() for each in sending)
        ready.set()
        codes = await asyncio.gather(*sending)

    # Each may become 10 MB, which count twice.
    assert codes.count(StatusCode.UNAVAILABLE) == 17
    assert codes.count(StatusCode.INVALID_ARGUMENT) == 3


@pytest.mark.parametrize("more", [(), (("x-pad", "x" * 12_000),)], ids=["small headers", "large headers"])
async def test_streams_that_are_reset_at_once_cost_little(
    worker: Stack, other_key: str, emulator: Emulator, more: tuple[tuple[str, str], ...]
) -> None:
    """Four connections for two seconds, as fast as they can."""
    headers = call_headers(CHAT + "ChatCompletion", *more)
    data = wire_message(chat_request().SerializeToString())
    end = time.monotonic() + 2.0

    def attack() -> int:
        sent = 0
        with Connection(worker.grpc_port) as connection:
            while time.monotonic() < end:
                frames = b""
                for _ in range(10):
                    stream = connection.next_stream()
                    frames += frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, data)
                    frames += frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))
                connection.send(frames)
                sent += 10
        return sent

    with bounded(worker):
        sent = await asyncio.gather(*(asyncio.to_thread(attack) for _ in range(4)))
        began = time.monotonic()
        async with worker.async_channel() as channel:
            client = Client(worker, channel, other_key)
            await client.chat.ChatCompletion(chat_request(), **client.options)
    assert min(sent) > 100
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_a_key_that_is_sent_twice_is_refused(worker: Stack, name: str) -> None:
    prefix = "Bearer " if name == "authorization" else ""
    async with worker.async_channel() as channel:
        client = Client(worker, channel)
        metadata = ((name, f"{prefix}wrong"), (name, f"{prefix}{worker.key}"))
        with pytest.raises(aio.AioRpcError) as caught:
            await client.chat.ChatCompletion(chat_request(), metadata=metadata)

    assert (refusal(caught.value).reason, caught.value.details()) == (
        "INVALID_API_KEY",
        f"The call has more than one '{name}'.",
    )


async def test_a_request_that_cannot_be_read_counts_against_its_key(worker: Stack, emulator: Emulator) -> None:
    key = add_key(worker.folder / "state", requests_per_minute=2)
    async with worker.async_channel() as channel:
        client = Client(worker, channel, key)

        async def ask(data: bytes) -> Any:
            request = CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=data))
            with pytest.raises(aio.AioRpcError) as caught:
                await client.chat.CreateWholeChatCompletion(request, **client.options)
            return refusal(caught.value).reason, dict(caught.value.trailing_metadata())

        reasons: list[str] = []
        while reasons[-3:] != ["INVALID_REQUEST", "INVALID_REQUEST", "RATE_LIMITED"]:
            reason, metadata = await ask(b"{")
            reasons.append(reason)
            assert reason in ("INVALID_API_KEY", "INVALID_REQUEST", "RATE_LIMITED")  # It is known within a second.

    assert metadata["x-ratelimit-remaining"] == "0"


async def test_public_services_take_small_messages_alone(worker: Stack) -> None:
    async with worker.async_channel() as channel:
        with pytest.raises(aio.AioRpcError) as health:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="x" * 5000))
        requests = iter([reflection_pb2.ServerReflectionRequest(file_by_filename="x" * 5000)])
        with pytest.raises(aio.AioRpcError) as reflected:
            await reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(requests).read()

    assert [refusal(each.value).reason for each in (health, reflected)] == ["PAYLOAD_TOO_LARGE"] * 2


async def test_reflection_is_bounded(worker: Stack) -> None:
    async with worker.async_channel() as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        calls = [stub.ServerReflectionInfo() for _ in range(16)]
        for call in calls:
            await call.write(request)
            assert (await call.read()).list_services_response.service

        with pytest.raises(aio.AioRpcError) as caught:
            await stub.ServerReflectionInfo().read()
        for call in calls:
            call.cancel()

    assert refusal(caught.value).reason == "UNAVAILABLE"


@pytest.mark.parametrize("through_gateway", [False, True], ids=["direct", "through Envoy"])
async def test_connections_end_by_age_and_calls_go_on(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path, through_gateway: bool
) -> None:
    """A stream outlives its connection's age, and of calls one after the other none fails."""
    command = ("up",) if through_gateway else ("serve",)
    with running(tmp_path, {**config, "server": {"max_connection_age": 1}}, command) as stack:
        port = stack.port if through_gateway else stack.grpc_port
        async with stack.async_channel(port) as channel:
            client = Client(stack, channel)
            stream = aiter(client.chat.StreamChatCompletion(chat_request("emu/gated"), **client.options))
            assert (await anext(stream)).choices
            end = time.monotonic() + 3.0
            while time.monotonic() < end:
                await client.chat.ChatCompletion(chat_request(), **client.options)
            emulator.release_all()
            pieces = [piece async for piece in stream]

    assert pieces
