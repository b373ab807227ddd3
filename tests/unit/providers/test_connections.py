"""Which connections are used again, and what may come over them that is no answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator

import pytest

from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.driver import Upstream
from arouter.providers.error_mapping import UnreadError
from arouter.providers.http.connection import MAX_HEADERS
from support.chunks import next_chunks
from support.raw_provider import ANSWER, EVENTS, OK, REQUEST, Connection, RawProvider, once, raw_provider

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n" % len(ANSWER)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream(max_connections=4)
    yield upstream
    assert upstream.open_calls == 0
    await upstream.close()


async def ask(upstream: Upstream, raw: RawProvider, *, fresh: bool = False) -> str:
    credential = raw.provider.credentials[0]
    answer = await upstream.complete(raw.provider, credential, REQUEST, math.inf, fresh=fresh)
    return str(answer["choices"][0]["message"]["content"])


async def read_stream(upstream: Upstream, raw: RawProvider) -> None:
    stream = await upstream.open_stream(raw.provider, raw.provider.credentials[0], REQUEST, math.inf)
    try:
        while await next_chunks(stream):
            pass
    finally:
        await stream.close()


async def test_a_request_that_was_read_on_a_used_connection_is_not_sent_again(upstream: Upstream) -> None:
    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(OK)
        await connection.request()

    async with raw_provider(handle) as raw:
        assert await ask(upstream, raw) == "hi"
        with pytest.raises(ProviderError) as closed:
            await ask(upstream, raw)

    assert not isinstance(closed.value, UnreadError)
    assert (raw.requests, raw.connections) == (2, 1)


async def test_a_request_that_was_not_read_may_be_sent_again_on_a_connection_of_its_own(upstream: Upstream) -> None:
    idle = asyncio.Event()

    async def handle(connection: Connection, number: int) -> None:
        await connection.request()
        await connection.send(OK)
        if number == 1:
            await idle.wait()
            # Not read: the reset comes instead of an answer.
            connection.reset()

    async with raw_provider(handle) as raw:
        await ask(upstream, raw)
        call = asyncio.ensure_future(ask(upstream, raw))
        await asyncio.sleep(0)  # The request is written before the loop runs the server.
        idle.set()
        with pytest.raises(UnreadError) as unread:
            await call
        assert await ask(upstream, raw, fresh=True) == "hi"

    assert unread.value.failure is Failure.PROVIDER_UNREACHABLE
    assert (raw.requests, raw.connections) == (2, 2)


async def test_a_connection_that_was_closed_while_idle_is_replaced(upstream: Upstream) -> None:
    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(OK)
        connection.writer.close()
        await connection.writer.wait_closed()

    async with raw_provider(handle) as raw:
        for _ in range(5):
            assert await ask(upstream, raw) == "hi"

    assert (raw.requests, raw.connections) == (5, 5)


async def test_an_answer_that_nobody_asked_for_is_not_the_next_ones(upstream: Upstream) -> None:
    """HAProxy and others send a 408 on an idle connection before they close it."""
    unasked = OK.replace(b"hi", b"no")
    sent = asyncio.Event()

    async def handle(connection: Connection, number: int) -> None:
        await connection.request()
        await connection.send(OK)
        if number == 1:
            await connection.send(unasked)
            sent.set()
        await connection.request()
        await connection.send(OK)

    async with raw_provider(handle) as raw:
        assert await ask(upstream, raw) == "hi"
        await sent.wait()
        assert await ask(upstream, raw) == "hi"


async def test_a_model_list_may_be_read_again(upstream: Upstream) -> None:
    """A GET is idempotent: one that was cut off on a used connection is repeated, once."""
    models = b'{"data": [{"id": "a"}]}'

    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(models), models))
        await connection.request()

    async with raw_provider(handle) as raw:
        await upstream.list_models(raw.provider)
        assert [model.name for model in await upstream.list_models(raw.provider)] == ["a"]

    assert raw.requests == 3


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"x-policy: " + 9000 * b"a" + b"\r\n\r\n",
        HEAD + (MAX_HEADERS - 1) * b"x-many: of them\r\n" + b"\r\n",
        20 * b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" + HEAD + b"\r\n",
    ],
    ids=["one of 9 KB", "as many as may be", "interim answers"],
)
async def test_unusual_headers_are_read(upstream: Upstream, head: bytes) -> None:
    async with raw_provider(lambda connection, _: once(head + ANSWER, connection)) as raw:
        assert await ask(upstream, raw) == "hi"


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "block"),
    [
        (b"", 1000 * CONTINUE),
        (b"HTTP/1.1 200 OK\r\n", 1000 * b"x-a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-a: ", 10_000 * b"a"),
        (b"HTTP/1.1 200 ", 10_000 * b"a"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", 1000 * b"x-a: b\r\n"),
    ],
    ids=["100 Continue", "headers", "a header", "a status line", "trailers"],
)
async def test_a_head_without_end_is_a_bad_response(upstream: Upstream, start: bytes, block: bytes) -> None:
    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(start)
        await connection.flood(block)

    async with raw_provider(handle) as raw:
        with pytest.raises(ProviderError) as endless:
            await ask(upstream, raw)

    assert endless.value.failure is Failure.PROVIDER_BAD_RESPONSE
    assert endless.value.message == "The answer of provider 'raw' is not HTTP, or its headers are too large."


@pytest.mark.parametrize("cut", [0, 1000])
async def test_too_many_headers_are_a_bad_response(upstream: Upstream, cut: int) -> None:
    answer = HEAD + MAX_HEADERS * b"x-a: b\r\n" + b"\r\n" + ANSWER

    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(answer[:cut])
        await asyncio.sleep(0)
        await connection.send(answer[cut:])
        await connection.request()

    async with raw_provider(handle) as raw:
        for _ in range(2):
            with pytest.raises(ProviderError) as many:
                await ask(upstream, raw)

    assert many.value.failure is Failure.PROVIDER_BAD_RESPONSE
    assert raw.connections == 2


async def test_interim_answers_do_not_hold_the_loop_up(upstream: Upstream) -> None:
    """Megabytes of them may be waiting in the kernel. The loop's own time tells: other processes do not disturb it."""
    turns: list[float] = []

    async def watch() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - before)

    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        connection.writer.write(4 * 1024 * 1024 // len(CONTINUE) * CONTINUE)
        await connection.writer.drain()

    async with raw_provider(handle) as raw:
        watching = asyncio.create_task(watch())
        with pytest.raises(ARouterError):
            await ask(upstream, raw)
        watching.cancel()

    assert max(turns) < 0.5  # It was 2 s and more for each of these.


async def test_a_head_that_trickles_ends_at_its_deadline(upstream: Upstream) -> None:
    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        while True:
            await connection.send(CONTINUE)
            await asyncio.sleep(0.01)

    async with raw_provider(handle, "{total: 0.3}") as raw:
        with pytest.raises(ARouterError) as late:
            await ask(upstream, raw)

    assert late.value.failure is Failure.PROVIDER_TIMEOUT


@pytest.mark.parametrize(
    "block",
    [200_000 * b":\n", 200_000 * b"\n", 20_000 * b'data: {"choices": []}\n\n', 200_000 * b"data:\n", 200_000 * b"x"],
    ids=["comments", "empty lines", "empty events", "empty data", "no line"],
)
@pytest.mark.parametrize("started", [False, True])
async def test_a_stream_that_says_nothing_at_length_is_a_bad_response(
    upstream: Upstream, block: bytes, started: bool
) -> None:
    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        if started:
            await connection.send(EVENTS.partition(b"\n\n")[0] + b"\n\n")
        await connection.flood(block)

    async with raw_provider(handle, "{connect: 5, first_token: 20, idle: 20}") as raw:
        with pytest.raises(ProviderError) as endless:
            await read_stream(upstream, raw)

    assert endless.value.failure is Failure.PROVIDER_BAD_RESPONSE


async def test_an_answer_of_countless_values_is_refused_before_they_are_made(upstream: Upstream) -> None:
    body = b"[" + 1_000_001 * b"[]," + b"[]]"
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with raw_provider(lambda connection, _: once(answer, connection)) as raw:
        with pytest.raises(ProviderError) as refused:
            await ask(upstream, raw)

    assert refused.value.message == "The provider sent a response of more than 2000000 values."


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER,
        b"HTTP/1.1 200\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER,
        HEAD + b"connection: close\r\n\r\n" + ANSWER,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x;ext=1\r\n%b\r\n0\r\nx-checksum: 1\r\n\r\n"
        % (len(ANSWER), ANSWER),
        HEAD + b"content-type: text/html\r\n\r\n" + ANSWER,
    ],
    ids=["HTTP/1.0 to its end", "no reason", "the last", "extensions and trailers", "another type"],
)
async def test_unusual_http_is_read(upstream: Upstream, answer: bytes) -> None:
    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(answer)

    async with raw_provider(handle) as raw:
        assert await ask(upstream, raw) == "hi"
