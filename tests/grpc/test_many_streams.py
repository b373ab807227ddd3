"""A thousand streams open at once on one worker, round after round, in the same memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator import Emulator
from emulator.answers import TEXT
from support.stack import running
from support.typed import Client, chat_request

STREAMS = 1000
CHANNELS = 10
WARMING, ROUNDS = 1, 2
GROWTH = 4 * 1024 * 1024
"""Bytes by which the peak of as many rounds may be above that of the rounds before: 2 KiB for each stream since."""


async def one_round(clients: list[Client], emulator: Emulator) -> None:
    """Opens all streams, waits until every one is open at the provider and has its first word, and reads them out."""
    all_open = asyncio.Event()
    waiting = STREAMS

    async def one_stream(client: Client) -> str:
        nonlocal waiting
        stream = client.chat.StreamChatCompletion(chat_request("emu/gated"), **client.options)
        words = []
        async for chunk in stream:
            words += [choice.delta.content for choice in chunk.choices]
            if words[-1:] == ["Hello"]:
                waiting -= 1
                if waiting == 0:
                    all_open.set()
        return "".join(words)

    streams = [asyncio.create_task(one_stream(clients[number % CHANNELS])) for number in range(STREAMS)]
    await all_open.wait()
    assert emulator.open_calls == STREAMS
    emulator.release_all()
    assert set(await asyncio.gather(*streams)) == {TEXT}
    await asyncio.to_thread(emulator.wait_idle)
    emulator.forget()


@pytest.mark.timeout(300)
async def test_a_thousand_streams_at_once_in_flat_memory(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    with running(tmp_path, config, ("serve",)) as stack:
        worker = psutil.Process(stack.process.pid)
        channels = [stack.async_channel() for _ in range(CHANNELS)]
        clients = [Client(stack, channel) for channel in channels]
        sizes = []
        for _ in range(WARMING + 2 * ROUNDS):
            await one_round(clients, emulator)
            sizes.append(worker.memory_info().rss)
        await asyncio.gather(*(channel.close() for channel in channels))

    assert max(sizes[-ROUNDS:]) - max(sizes[WARMING:-ROUNDS]) < GROWTH, [size // 1024 for size in sizes]


def test_an_idle_worker_is_small(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, config, ("serve",)) as stack:
        assert psutil.Process(stack.process.pid).memory_info().rss < 120 * 1024 * 1024
