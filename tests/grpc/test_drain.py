"""SIGTERM: calls in flight finish, new ones are refused, the process ends well."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.v1 import model_service_pb2
from emulator import Emulator
from emulator.answers import TEXT
from support.stack import running
from support.typed import Client, chat_request

STREAMS = 50


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


@pytest.mark.parametrize("workers", [1, 2])
async def test_open_streams_finish_and_new_calls_are_refused(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path, workers: int
) -> None:
    with running(tmp_path, config, ("serve", "--workers", str(workers))) as stack:
        async with stack.async_channel() as channel, stack.async_channel() as other:
            client = Client(stack, channel)
            streams = await open_streams(client, STREAMS)
            health = health_pb2_grpc.HealthStub(other).Watch(health_pb2.HealthCheckRequest(), timeout=30)
            assert (await health.read()).status == health_pb2.HealthCheckResponse.SERVING

            stack.process.send_signal(signal.SIGTERM)

            assert (await health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            async with stack.async_channel() as late:
                for caller in (client, Client(stack, late)):
                    with pytest.raises(grpc.aio.AioRpcError) as refused:
                        await caller.chat.ChatCompletion(chat_request(), **client.options)
                    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE

            emulator.release_all()
            finished = await asyncio.gather(*(rest_of(stream) for stream in streams))

        assert finished == [TEXT.removeprefix("Hello")] * STREAMS
        assert await asyncio.to_thread(stack.process.wait) == 0


async def test_calls_that_outlast_the_grace_are_cut(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, {**config, "server": {"drain_grace": 0.5}}, ("serve",)) as stack:
        async with stack.async_channel() as channel:
            [stream] = await open_streams(Client(stack, channel), 1)
            stack.process.send_signal(signal.SIGTERM)

            with pytest.raises(grpc.aio.AioRpcError) as cut:
                await rest_of(stream)

        assert cut.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert await asyncio.to_thread(stack.process.wait) == 0
    assert emulator.calls[-1].disconnected.wait(5)


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
