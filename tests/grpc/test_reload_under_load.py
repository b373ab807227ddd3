"""Reloads under steady load: nothing that clients see is disturbed, whichever way the file is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from arouter.v1 import model_service_pb2
from emulator import Emulator
from emulator.answers import TEXT
from support.reloading import Reloading
from support.stack import PROVIDER_KEY, running
from support.typed import Client, chat_request

CHANNELS = 4
WAYS: list[Callable[[Reloading, dict[str, Any]], None]] = [
    Reloading.write,
    Reloading.rename,
    Reloading.swap,
    Reloading.swap,
]


def content(emulator: Emulator, number: int) -> dict[str, Any]:
    """Returns a configuration in which much depends on a number: a provider's name above all."""
    row = {"base_url": emulator.base_url, "api_keys": [PROVIDER_KEY]}
    return {
        "providers": [{"id": "emu", **row}, {"id": f"extra{number}", **row, "models": ["text"]}],
        "models": [{"id": "shared/m", "endpoints": [f"extra{number}/text", "emu/text"]}],
        "timeouts": {"total": 500 + number},
        "routing": {"max_attempts": 2 + number % 5, "breaker": {"cooldown": 1 + number}},
        "server": {"keep_alive": 10 + number},
        "usage": {"queue": 10_000 + number},
    }


class Load:
    """Clients that ask one thing after the other.

    Attributes:
        answered: Calls that ended as they should.
        over: Set to have them stop.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.over = asyncio.Event()
        self._answer = asyncio.Event()

    async def goes_on(self) -> None:
        """Waits for one more answer."""
        self._answer.clear()
        await self._answer.wait()

    async def whole(self, client: Client, model: str) -> None:
        while not self.over.is_set():
            answer = await client.chat.ChatCompletion(chat_request(model), **client.options)
            self._note(answer.choices[0].message.content)

    async def streamed(self, client: Client, model: str) -> None:
        while not self.over.is_set():
            stream = client.chat.StreamChatCompletion(chat_request(model), **client.options)
            self._note(await text_of(stream))

    def _note(self, said: str) -> None:
        assert said == TEXT
        self.answered += 1
        self._answer.set()


async def text_of(stream: Any) -> str:
    return "".join([choice.delta.content async for chunk in stream for choice in chunk.choices])


async def begun(client: Client, model: str) -> AsyncIterator[Any]:
    """Returns a gated stream that has said its first word. It has no deadline: it stays open as long as the test is."""
    stream = aiter(client.chat.StreamChatCompletion(chat_request(model), **{**client.options, "timeout": None}))
    while "Hello" not in (await anext(stream)).choices[0].delta.content:
        pass
    return stream


async def listed(client: Client) -> set[str]:
    answer = await client.models.ListModels(model_service_pb2.ListModelsRequest(), **client.options)
    return {model.id for model in answer.data}


@pytest.mark.parametrize(("workers", "reloads"), [(1, 10), (2, 2)])
async def test_no_call_notices(emulator: Emulator, tmp_path: Path, workers: int, reloads: int) -> None:
    """Half of the reloads are by SIGHUP, half are found by looking at the file."""
    with running(tmp_path, content(emulator, 0), ("serve", "--workers", str(workers))) as stack:
        process = stack.process
        process.wait_until(lambda: process.log.count("serving on") == workers, "all serving")
        file = Reloading(stack, workers)
        load = Load()
        async with AsyncExitStack() as opened:
            channels = [await opened.enter_async_context(stack.async_channel()) for _ in range(CHANNELS)]
            clients = [Client(stack, channel) for channel in channels]
            open_all_the_time = [await begun(client, "emu/gated") for client in clients]
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    for model in ("emu/text", "shared/m"):
                        group.create_task(load.whole(client, model))
                        group.create_task(load.streamed(client, model))
                for number in range(1, reloads + 1):
                    WAYS[number % len(WAYS)](file, content(emulator, number))
                    if number % 2:
                        file.hang_up()
                    await asyncio.to_thread(file.wait_taken, number * workers)
                    for client in clients:
                        extra = {id_ for id_ in await listed(client) if id_.startswith("extra")}
                        assert extra == {f"extra{number}/text"}
                    await load.goes_on()
                load.over.set()
            emulator.release_all()
            rests = [await text_of(stream) for stream in open_all_the_time]

        assert rests == [TEXT.removeprefix("Hello")] * CHANNELS
        # The calls are the emulator's record, too: nothing was tried twice.
        assert len(emulator.calls) == load.answered + CHANNELS
        assert "status=failed" not in process.log
        assert file.refusals == []
