"""SIGTERM: calls in flight finish, new ones are refused, the process ends well."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.v1 import model_service_pb2
from emulator import Emulator
from emulator.answers import TEXT
from support.ports import free_ports, is_listening
from support.stack import running
from support.typed import Client, chat_request

STREAMS = 50
CHANNELS = 5


async def open_streams(client: Client, count: int) -> list[Any]:
    """Opens gated streams and waits until each has its first word."""
    streams = [client.chat.StreamChatCompletion(chat_request("emu/gated"), **client.options) for _ in range(count)]
    for stream in streams:
        received = ""
        while "Hello" not in received:
            received += (await stream.read()).choices[0].delta.content
    return streams


async def rest_of(stream: Any) -> str:
    words = []
    while (chunk := await stream.read()) is not grpc.aio.EOF:
        words += [choice.delta.content for choice in chunk.choices]
    return "".join(words)


async def watch_health(channel: grpc.aio.Channel) -> Any:
    """Returns a health watch that has said SERVING; over the channel's own connection, so of the same worker."""
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    return watch


async def assert_refused(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.chat.ChatCompletion(chat_request(), **client.options)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("workers", [1, 2])
async def test_open_streams_finish_and_new_calls_are_refused(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path, workers: int
) -> None:
    with running(tmp_path, config, ("serve", "--workers", str(workers))) as stack:
        async with AsyncExitStack() as opened:
            channels = [await opened.enter_async_context(stack.async_channel()) for _ in range(CHANNELS)]
            clients = [Client(stack, channel) for channel in channels]
            streams = [stream for client in clients for stream in await open_streams(client, STREAMS // CHANNELS)]
            watches = [await watch_health(channel) for channel in channels]

            stack.process.send_signal(signal.SIGTERM)

            for watch, client in zip(watches, clients, strict=True):
                assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
                await assert_refused(client)
            emulator.release_all()
            finished = await asyncio.gather(*(rest_of(stream) for stream in streams))

        assert finished == [TEXT.removeprefix("Hello")] * STREAMS
        assert await asyncio.to_thread(stack.process.wait) == 0


async def test_a_client_that_connects_while_it_drains_is_refused(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    with running(tmp_path, config, ("serve",)) as stack:
        async with stack.async_channel() as channel, stack.async_channel() as late:
            [stream] = await open_streams(Client(stack, channel), 1)
            watch = await watch_health(channel)
            stack.process.send_signal(signal.SIGTERM)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING

            await assert_refused(Client(stack, late))

            emulator.release_all()
            assert await rest_of(stream) == TEXT.removeprefix("Hello")
        assert await asyncio.to_thread(stack.process.wait) == 0


async def test_calls_that_outlast_the_grace_are_cut(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, {**config, "server": {"drain_grace": 0.5}}, ("serve",)) as stack:
        async with stack.async_channel() as channel:
            [stream] = await open_streams(Client(stack, channel), 1)
            stack.process.send_signal(signal.SIGTERM)

            with pytest.raises(grpc.aio.AioRpcError) as cut:
                await rest_of(stream)

        assert cut.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "shutting down" in cut.value.details()
        assert await asyncio.to_thread(stack.process.wait) == 0
    assert emulator.calls[-1].disconnected.wait(5)


@pytest.mark.parametrize("workers", [1, 2])
async def test_probes_hear_of_it_until_the_end(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path, workers: int
) -> None:
    [port] = free_ports(1)
    environment = {"AROUTER_HEALTH_PORT": str(port)}
    with running(tmp_path, config, ("serve", "--workers", str(workers)), environment) as stack:
        async with stack.async_channel() as channel, stack.async_channel(port) as probes:
            [stream] = await open_streams(Client(stack, channel), 1)
            watch = await watch_health(probes)
            stack.process.send_signal(signal.SIGTERM)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING

            emulator.release_all()
            assert await rest_of(stream) == TEXT.removeprefix("Hello")
        assert await asyncio.to_thread(stack.process.wait) == 0
    assert not is_listening(port)


async def test_an_idle_service_ends_at_once_even_with_clients_connected(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    with running(tmp_path, {**config, "server": {"drain_grace": 600}}, ("serve",)) as stack:
        async with stack.async_channel() as channel:
            await Client(stack, channel).models.ListModels(
                model_service_pb2.ListModelsRequest(), metadata=stack.metadata, timeout=10
            )
            stack.process.send_signal(signal.SIGTERM)

            assert await asyncio.to_thread(stack.process.wait) == 0
