"""What a call takes, in a measure that no machine's speed changes: how many functions are called for it.

Bounds leave room for new versions of what we build upon. One that is passed by our own doing wants another way, not
another bound. How long all that takes is for `make bench` to say.
"""

from __future__ import annotations

import pstats
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from google.api import httpbody_pb2

from arouter.v1 import chat_service_pb2
from emulator import Emulator
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request

WARM_UP = 20
CALLS = 200

WHOLE = b'{"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}'
STREAM = b"""{"model": "emu/stepped", "messages": [{"role": "user", "content": "hi"}],
              "stream": true, "stream_options": {"include_usage": true}}"""

BUDGETS = {"whole": (342, 50), "typed": (408, 50), "stream": (915, 142)}
"""Calls made for one of a client's by our code, and by our HTTP client, where aiohttp made 175, 175 and 331."""

HTTP = "providers/http/"

IN_THE_BACKGROUND = ("sql/", "server/", "key_cache.py", "periodic.py", "spending.py", "sync.py", "writer.py")
"""What is done now and then, however many calls there are."""

CALLS_FILE = "AROUTER_TEST_CALLS"


@pytest.fixture(scope="module")
def counted(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("counted")
    row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["text", "stepped"]}
    environment = {"PYTHONPATH": str(Path(__file__).with_name("counting")), CALLS_FILE: str(folder / "calls")}
    with running(folder, {"providers": [row]}, ("serve",), environment) as stack:
        yield stack


async def whole(client: Client, _: Emulator) -> None:
    request = chat_service_pb2.CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=WHOLE))
    await client.chat.CreateUnaryChatCompletion(request, **client.options)


async def typed(client: Client, _: Emulator) -> None:
    await client.chat.ChatCompletion(chat_request(), **client.options)


async def stream(client: Client, emulator: Emulator) -> None:
    """Has each word sent when the one before has come, so that it is read by itself on every machine."""
    request = chat_service_pb2.CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=STREAM))
    async for _ in client.chat.CreateChatCompletion(request, **client.options):
        emulator.calls[-1].release()


@pytest.mark.parametrize("ask", [whole, typed, stream])
async def test_the_functions_called_for_a_call_are_bounded(
    counted: Stack, emulator: Emulator, ask: Callable[[Client, Emulator], Awaitable[None]]
) -> None:
    process, calls = counted.process, counted.folder / "calls"
    calls.unlink(missing_ok=True)
    async with counted.async_channel() as channel:
        client = Client(counted, channel)
        for _ in range(WARM_UP):
            await ask(client, emulator)
        process.send_signal(signal.SIGUSR1)
        process.wait_until(calls.exists, "counting")
        for _ in range(CALLS):
            await ask(client, emulator)
        process.send_signal(signal.SIGUSR1)
        process.wait_until(lambda: calls.stat().st_size > 0, "counted")

    made = calls_by_package(calls)
    ours, client = BUDGETS[ask.__name__]
    assert 0 < made["arouter"] / CALLS <= ours
    assert 0 < made[HTTP] / CALLS <= client


def calls_by_package(file: Path) -> Counter[str]:
    """Returns how many calls the functions of each package have made, of Python's and of C's functions."""
    made: Counter[str] = Counter()
    for _, _, _, _, callers in pstats.Stats(str(file)).stats.values():  # type: ignore[attr-defined]
        for (path, _, _), (count, *_) in callers.items():
            package, _, module = path.rpartition("site-packages/")[2].rpartition("service/")[2].partition("/")
            if not module.startswith(IN_THE_BACKGROUND) and not module.endswith(IN_THE_BACKGROUND):
                made[HTTP if module.startswith(HTTP) else package] += count
    return made
