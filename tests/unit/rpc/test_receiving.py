"""The message of a call: received by the handler, in bounded time and memory. Over real gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import grpc
import pytest
from grpc import StatusCode, aio

from arouter.accounts.keys import AuthenticatedKey, hash_secret
from arouter.errors import ARouterError, Failure
from arouter.limits.reservation import UNLIMITED, Reservation
from arouter.rpc.access import Access, requires
from arouter.rpc.interceptors import receiving
from arouter.rpc.interceptors.auth import Authentication
from arouter.rpc.interceptors.handlers import HandlerFactory
from arouter.rpc.interceptors.receiving import Incoming, Receiving
from arouter.rpc.method_table import MethodTable
from arouter.v1.chat_service_pb2 import ChatCompletionRequest, ChatCompletionResponse
from support.typed import chat_request, refusal

METHOD, OTHER, PUBLIC = "/arouter.v1.ChatService/ChatCompletion", "/arouter.v1.ModelService/Get", "/grpc.health.v1.H/C"
MIB = 1024 * 1024


class Keys:
    """Two keys, `one` and `two`."""

    def __init__(self) -> None:
        self._keys = {hash_secret(secret): AuthenticatedKey(hash_secret(secret), "a") for secret in ("one", "two")}

    def find(self, key_hash: str) -> AuthenticatedKey | None:
        return self._keys.get(key_hash)


@dataclass
class Server:
    """A server with one handler at each of three methods.

    Attributes:
        channel: To it.
        receiving: What it receives with.
        let_go: Ends the calls that are being handled.
        counted: The keys whose calls were counted.
        handled: Calls that have reached the handler.
        refusal: What calls are refused with when they are counted, if anything.
    """

    channel: aio.Channel
    receiving: Receiving
    let_go: asyncio.Event
    counted: list[str]
    handled: int = 0
    refusal: ARouterError | None = None

    def call(self, *messages: bytes, secret: str = "one", method: str = METHOD, open_: bool = False) -> Any:
        """Begins a call that sends messages, and then ends its stream unless it is left open."""

        async def requests() -> AsyncIterator[bytes]:
            for message in messages:
                yield message
            if open_:
                await asyncio.Event().wait()

        metadata = () if method == PUBLIC else (("x-api-key", secret),)
        return self.channel.stream_unary(method)(requests(), metadata=metadata, timeout=30)


@asynccontextmanager
async def serving(max_bytes: int = 128 * MIB) -> AsyncIterator[Server]:
    async def look_for_new() -> None:
        pass

    received = Receiving(max_bytes)

    async def count(key: AuthenticatedKey) -> Reservation:
        server.counted.append(key.hash)
        if server.refusal is not None:
            raise server.refusal
        return UNLIMITED

    async def handle(request: ChatCompletionRequest, _: Any) -> ChatCompletionResponse:
        server.handled += 1
        await server.let_go.wait()
        return ChatCompletionResponse(model=request.model)

    authentication = Authentication(Keys(), look_for_new, takes_workloads=False)
    methods = MethodTable(HandlerFactory(received, count).wrap, authentication)
    for method in (METHOD, OTHER, PUBLIC):
        _, service, name = method.split("/")
        access = Access.PUBLIC if method == PUBLIC else Access.REGULAR_KEY
        handler = grpc.unary_unary_rpc_method_handler(
            requires(access, is_counted=method == METHOD)(partial(handle)),
            ChatCompletionRequest.FromString,
            ChatCompletionResponse.SerializeToString,
        )
        methods.add_registered_method_handlers(service, {name: handler})
    grpc_server = aio.server(options=[("grpc.max_receive_message_length", 12 * MIB)])
    grpc_server.add_generic_rpc_handlers((methods,))
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    await grpc_server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        server = Server(channel, received, asyncio.Event(), [])
        yield server
    await grpc_server.stop(None)


async def refused(call: Awaitable[Any]) -> tuple[StatusCode, str]:
    """Returns what a call is refused with."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    error = refusal(caught.value)
    return error.code, error.reason


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop turn until the other half of a connection has done its part."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


TIMEOUT = (StatusCode.DEADLINE_EXCEEDED, "REQUEST_TIMEOUT")
UNAVAILABLE = (StatusCode.UNAVAILABLE, "UNAVAILABLE")
UNAUTHENTICATED = (StatusCode.UNAUTHENTICATED, "INVALID_API_KEY")


async def test_a_call_without_a_good_key_is_refused_before_its_message() -> None:
    async with serving() as server:
        assert await refused(server.call(secret="wrong", open_=True)) == UNAUTHENTICATED


async def test_a_call_over_a_limit_is_refused_before_its_message() -> None:
    async with serving() as server:
        server.refusal = ARouterError(Failure.RATE_LIMITED, "limit")

        assert (await refused(server.call(open_=True)))[1] == "RATE_LIMITED"
        assert server.counted == [hash_secret("one")]


async def test_calls_are_counted_before_their_messages_are_read() -> None:
    async with serving() as server:
        assert await refused(server.call(b"\xff")) == (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert await refused(server.call(b"\xff", method=OTHER)) == (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")

        assert server.counted == [hash_secret("one")]


@pytest.mark.parametrize("method", [METHOD, OTHER])
async def test_a_message_that_does_not_arrive_ends_its_call(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(receiving, "_LAST_TICK", 6)
    async with serving() as server:
        assert await refused(server.call(open_=True, method=method)) == TIMEOUT

        assert server.receiving.bytes_in_flight == 0


async def test_a_public_message_that_does_not_arrive_ends_its_call_soon() -> None:
    async with serving() as server:
        assert await refused(server.call(open_=True, method=PUBLIC)) == TIMEOUT


async def test_a_call_without_a_message_is_unimplemented() -> None:
    async with serving() as server:
        assert await refused(server.call()) == (StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED")


async def test_a_public_message_is_small() -> None:
    async with serving() as server:
        message = chat_request(text="x" * 5000).SerializeToString()

        assert await refused(server.call(message, method=PUBLIC)) == (StatusCode.INVALID_ARGUMENT, "PAYLOAD_TOO_LARGE")


async def test_public_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arouter.rpc.interceptors.handlers._MAX_PUBLIC_CALLS", 3)
    async with serving() as server:
        message = chat_request().SerializeToString()
        calls = [server.call(message, method=PUBLIC) for _ in range(3)]
        await until(lambda: server.handled == 3)

        assert await refused(server.call(message, method=PUBLIC)) == UNAVAILABLE
        server.let_go.set()
        await asyncio.gather(*calls)
        await server.call(message, method=PUBLIC)


async def test_a_key_has_half_of_the_bytes_in_flight_and_a_large_message_counts_twice() -> None:
    async with serving(max_bytes=48 * MIB) as server:
        message = chat_request(text="x" * (6 * MIB)).SerializeToString()
        under_way = [server.call(message)]
        await until(lambda: server.handled == 1)
        assert server.receiving.bytes_in_flight == 2 * len(message)

        with pytest.raises(aio.AioRpcError) as caught:
            await server.call(message)
        assert (refusal(caught.value).reason, refusal(caught.value).retry_after) == ("UNAVAILABLE", 1)

        under_way += [server.call(chat_request().SerializeToString()), server.call(message, secret="two")]
        await until(lambda: server.handled == 3)
        server.let_go.set()
        await asyncio.gather(*under_way)
        await server.call(message)
        assert server.receiving.bytes_in_flight == 0


async def test_a_slow_message_counts_as_the_largest() -> None:
    async with serving(max_bytes=88 * MIB) as server:
        slow = [asyncio.ensure_future(server.call(open_=True)) for _ in range(5)]
        await until(lambda: sum(call.done() for call in slow) == 3)

        assert [await refused(call) for call in slow if call.done()] == [UNAVAILABLE] * 3
        # Of another key there is room.
        server.let_go.set()
        await server.call(chat_request().SerializeToString(), secret="two")
        for call in slow:
            call.cancel()
        await until(lambda: server.receiving.bytes_in_flight == 0)


async def test_a_call_that_its_client_gives_up_counts_no_longer() -> None:
    async with serving() as server:
        calls = [server.call(open_=True), server.call(chat_request().SerializeToString())]
        await until(lambda: server.handled == 1 and len(server.receiving._waiting) == 1)

        for call in calls:
            call.cancel()
        await until(lambda: server.receiving.bytes_in_flight == 0 and not server.receiving._waiting)


async def test_messages_beyond_the_first_are_ignored() -> None:
    async with serving() as server:
        server.let_go.set()
        message = chat_request().SerializeToString()

        answer = ChatCompletionResponse.FromString(await server.call(message, message, message))

        assert answer.model == "emu/text"


async def test_large_messages_take_turns_and_small_ones_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_BYTES_PER_SECOND", 1)
    async with serving() as server:
        large, small = (chat_request(text=text).SerializeToString() for text in ("x" * 2 * MIB, "x"))
        first = server.call(large)
        await until(lambda: server.handled == 1)
        second = server.call(large)
        await until(lambda: server.receiving.bytes_in_flight == 4 * len(large))

        third = server.call(small, secret="two")
        await until(lambda: server.handled == 2)
        server.let_go.set()
        await asyncio.gather(first, third)

        assert server.handled == 2
        second.cancel()
        await until(lambda: server.receiving.bytes_in_flight == 0)


class Arrived:
    """A call whose message has arrived."""

    async def read(self) -> bytes:
        return bytes(MIB)


async def test_after_a_large_message_others_have_as_much_time_as_it_took() -> None:
    """On a busy machine, too, where reading them one after the other would stop all other calls."""

    def block() -> None:  # as counting and parsing do
        time.sleep(0.05)

    received = Receiving(128 * MIB)
    read: list[tuple[float, float]] = []

    async def call() -> None:
        incoming = Incoming("key")
        context: Any = Arrived()
        await received.receive(incoming, context)
        began = time.monotonic()
        block()
        read.append((began, time.monotonic()))
        received.release(incoming)

    await asyncio.gather(*(call() for _ in range(4)))

    for (began, ended), (following, _) in pairwise(read):
        assert following - ended > 0.9 * (ended - began)
