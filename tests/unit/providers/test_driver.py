"""The driver against the emulator, in this process: its own gauge tells what it holds."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from arouter.chat.request import ChatRequest
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import ARouterError, Failure
from arouter.providers.adapter import WireRequest
from arouter.providers.deadlines import CallDeadlines
from arouter.providers.driver import Upstream
from arouter.providers.error_mapping import ErrorMapping
from arouter.providers.provider import Provider, build_providers
from arouter.providers.provider_stream import ProviderStream
from emulator import Emulator
from emulator.answers import TEXT
from support.chunks import next_chunks


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """One of its own: others may keep connections to the session's."""
    with Emulator() as emulator:
        yield emulator
        emulator.release_all()
        emulator.wait_idle()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream(max_connections=2)
    yield upstream
    assert upstream.open_calls == 0
    await upstream.close()


@pytest.fixture
def provider(emulator: Emulator) -> Provider:
    """The emulator behind a pool of two connections: a leak would stop the third call."""
    return timed(emulator, "{connect: 20, first_token: 20, idle: 20}")


def timed(emulator: Emulator, timeouts: str) -> Provider:
    """Returns the emulator as a provider with timeouts, in YAML."""
    row = f"providers: [{{id: emu, base_url: '{emulator.base_url}', timeouts: {timeouts}}}]"
    [provider] = build_providers(parse_config(row, {}), read_environment({}))
    return provider


def wire(provider: Provider, model: str, *, stream: bool) -> WireRequest:
    body: dict[str, Any] = {"model": "emu/x", "messages": [{"role": "user", "content": "hi"}]}
    return provider.adapter.encode(ChatRequest(body, stream=stream, include_usage=True), model)


async def read_all(stream: ProviderStream) -> str:
    words = ""
    try:
        while chunks := await next_chunks(stream):
            words += "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    finally:
        await stream.close()
    return words


async def test_a_connection_is_used_again_after_a_whole_stream(
    upstream: Upstream, provider: Provider, emulator: Emulator
) -> None:
    for _ in range(5):
        stream = await upstream.open_stream(
            provider, provider.credentials[0], wire(provider, "text", stream=True), math.inf
        )
        assert upstream.open_calls == 1
        assert await read_all(stream) == TEXT
        assert stream.usage is not None
        await upstream.complete(provider, provider.credentials[0], wire(provider, "text", stream=False), math.inf)

    assert emulator.open_connections == 1


@pytest.mark.parametrize(
    "scenario",
    ["status-500", "status-429", "garbage", "empty", "only-done", "no-finish", "cut-later-event", "no-answer", "hang",
     "hang-midstream", "error-first", "error-midstream", "11mb", "redirect"],
)  # fmt: skip
async def test_no_failure_keeps_a_connection(upstream: Upstream, emulator: Emulator, scenario: str) -> None:
    hasty = timed(emulator, "{connect: 20, first_token: 0.3, idle: 0.3}")
    for _ in range(3):
        with pytest.raises(ARouterError):
            await read_all(
                await upstream.open_stream(hasty, hasty.credentials[0], wire(hasty, scenario, stream=True), math.inf)
            )
        assert upstream.open_calls == 0


async def test_a_cancelled_call_gives_its_connection_up(
    upstream: Upstream, provider: Provider, emulator: Emulator
) -> None:
    for stream in (True, False):
        call = upstream.open_stream if stream else upstream.complete
        waiting = asyncio.ensure_future(
            call(provider, provider.credentials[0], wire(provider, "gated", stream=stream), math.inf)
        )
        await asyncio.to_thread(emulator.wait_for, lambda: emulator.open_calls == 1)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await (await waiting).close()
        await asyncio.to_thread(emulator.wait_idle)
        assert upstream.open_calls == 0


async def test_the_callers_deadline_is_not_the_providers_fault(
    upstream: Upstream, provider: Provider, emulator: Emulator
) -> None:
    deadline = asyncio.get_running_loop().time() + 0.1

    with pytest.raises(ARouterError) as late:
        await upstream.complete(provider, provider.credentials[0], wire(provider, "hang", stream=False), deadline)

    assert late.value.failure is Failure.DEADLINE_EXCEEDED


async def test_a_full_pool_is_no_providers_fault_and_no_hang(
    upstream: Upstream, provider: Provider, emulator: Emulator
) -> None:
    impatient = timed(emulator, "{connect: 0.1}")
    held = [
        await upstream.open_stream(provider, provider.credentials[0], wire(provider, "gated", stream=True), math.inf)
        for _ in range(2)
    ]

    with pytest.raises(ARouterError) as full:
        await upstream.complete(impatient, impatient.credentials[0], wire(impatient, "text", stream=False), math.inf)

    assert full.value.failure is Failure.UNAVAILABLE
    for stream in held:
        await stream.close()


async def test_a_stream_that_never_pauses_ends_at_its_total(upstream: Upstream, emulator: Emulator) -> None:
    brief = timed(emulator, "{total: 0.3}")

    with pytest.raises(ARouterError) as late:
        await read_all(
            await upstream.open_stream(brief, brief.credentials[0], wire(brief, "flood", stream=True), math.inf)
        )

    assert late.value.failure is Failure.PROVIDER_TIMEOUT


ANSWER = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


async def serve(answers: list[bytes | None]) -> tuple[asyncio.Server, Provider]:
    """Starts a provider that gives each request the next answer; None closes the connection instead."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(length.partition(b":")[2]))
                answer = answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    [provider] = build_providers(
        parse_config(f"providers: [{{id: raw, base_url: 'http://127.0.0.1:{port}/v1'}}]", {}), read_environment({})
    )
    return server, provider


async def test_a_fresh_connection_that_is_closed_is_the_providers_failure(upstream: Upstream) -> None:
    server, provider = await serve([None, OK])
    async with server:
        with pytest.raises(ARouterError) as broken:
            await upstream.complete(provider, provider.credentials[0], wire(provider, "m", stream=False), math.inf)

    assert broken.value.failure is Failure.PROVIDER_BAD_RESPONSE


@pytest.mark.parametrize("body", [b"", b'{"error": {"mess'], ids=["cut at once", "cut later"])
async def test_an_error_whose_body_is_cut_keeps_its_status(upstream: Upstream, body: bytes) -> None:
    cut = b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 900\r\nconnection: close\r\n\r\n" + body
    answers: list[bytes | None] = [cut, None]
    server, provider = await serve(answers)
    async with server:
        with pytest.raises(ARouterError) as limited:
            await upstream.complete(provider, provider.credentials[0], wire(provider, "m", stream=False), math.inf)

    assert (limited.value.failure, limited.value.retry_after) == (Failure.RATE_LIMITED, 7)


PAST, WRONG = "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 99999999999999:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (f"retry-after: {value}", 1)
        for value in ("soon", "inf", "-inf", "nan", "", "0", "0.2", "-5", "-1e300", PAST, WRONG, "1, 2")
    ]
    + [
        ("retry-after: 7", 7),
        ("retry-after: 6.2", 7),
        ("retry-after: 1e300", 3600),
        ("retry-after: Fri, 31 Dec 2999 23:59:59 GMT", 3600),
        ("retry-after-ms: 6200", 7),
        ("retry-after-ms: -3", 1),
        ("retry-after-ms: 6200\r\nretry-after: 3", 3),
        ("x-nothing: said", 1),
    ],
)
async def test_what_a_provider_asks_to_wait_is_a_second_at_least(
    upstream: Upstream, headers: str, seconds: int
) -> None:
    answer = f"HTTP/1.1 429 Slow\r\n{headers}\r\ncontent-length: 0\r\n\r\n".encode()
    server, provider = await serve([answer])
    async with server:
        with pytest.raises(ARouterError) as limited:
            await upstream.complete(provider, provider.credentials[0], wire(provider, "m", stream=False), math.inf)

    assert (limited.value.failure, limited.value.retry_after) == (Failure.RATE_LIMITED, seconds)


async def test_an_early_timer_still_counts_as_the_clients_deadline(provider: Provider) -> None:
    deadlines = CallDeadlines(provider.timeouts, asyncio.get_running_loop().time() + 0.01)

    with pytest.raises(ARouterError) as caught, ErrorMapping(provider, deadlines):
        raise TimeoutError

    assert caught.value.failure is Failure.DEADLINE_EXCEEDED
