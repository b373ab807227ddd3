"""A call leaves nothing behind that only the garbage collector would free, however it ends.

Its request may be 10 MB, and the collector looks at old objects once in a long while.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2

from arouter.v1.chat_service_pb2 import CreateChatCompletionRequest
from arouter.v1.key_service_pb2 import GetKeyRequest
from arouter.v1.model_service_pb2 import GetModelRequest
from arouter.v1.routing_service_pb2 import ExplainRouteRequest
from emulator import Emulator
from support.keys import add_key
from support.ports import refusing_port
from support.stack import MANAGEMENT_KEY, PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request

CALLS = 100
GARBAGE_FILE = "AROUTER_TEST_GARBAGE"

OURS = (
    "arouter.",
    "aiohttp.",
    "google.",
    "builtins.frame",
    "builtins.coroutine",
    "grpc._cython.cygrpc._ServicerContext",
)
"""Types of which none may be left. grpc.aio itself leaves a closure for each call, with its metadata."""

Ask = Callable[["Calls", str], Awaitable[Any]]


class Calls:
    """Calls of each kind.

    Attributes:
        client: With a key without limits.
        limited: With one that may call once.
        manager: With a management key.
    """

    def __init__(self, stack: Stack, channel: grpc.aio.Channel, limited: str) -> None:
        self.client = Client(stack, channel)
        self.limited = Client(stack, channel, limited)
        self.manager = Client(stack, channel, MANAGEMENT_KEY)
        self.stranger = Client(stack, channel, "stranger")
        self.channel = channel

    async def typed(self, model: str) -> None:
        await self.client.chat.ChatCompletion(chat_request(model), **self.client.options)

    async def typed_stream(self, model: str) -> None:
        async for _ in self.client.chat.StreamChatCompletion(chat_request(model), **self.client.options):
            pass

    async def whole(self, model: str) -> None:
        await self.client.chat.CreateUnaryChatCompletion(document(model=model), **self.client.options)

    async def events(self, model: str) -> None:
        async for _ in self.client.chat.CreateChatCompletion(document(model=model, stream=True), **self.client.options):
            pass

    async def fallback(self, model: str) -> None:
        await self.client.chat.CreateUnaryChatCompletion(document(models=[model, "emu/text"]), **self.client.options)

    async def over_limit(self, _: str) -> None:
        await self.limited.chat.ChatCompletion(chat_request(), **self.limited.options)

    async def without_key(self, _: str) -> None:
        await self.stranger.chat.ChatCompletion(chat_request(), **self.stranger.options)

    async def no_json(self, _: str) -> None:
        request = CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=b"{"))
        await self.client.chat.CreateChatCompletion(request, **self.client.options).read()

    async def no_protobuf(self, _: str) -> None:
        await self.channel.unary_unary("/arouter.v1.ChatService/ChatCompletion")(b"\xff", **self.client.options)

    async def no_message(self, _: str) -> None:
        await self.channel.stream_unary("/arouter.v1.ChatService/ChatCompletion")(iter(()), **self.client.options)

    async def explain(self, model: str) -> None:
        request = ExplainRouteRequest(chat_request=chat_request(model))
        await self.client.routing.ExplainRoute(request, **self.client.options)

    async def get_model(self, model: str) -> None:
        await self.client.models.GetModel(GetModelRequest(model=model), **self.client.options)

    async def get_key(self, hash_: str) -> None:
        await self.manager.keys.GetKey(GetKeyRequest(hash=hash_), **self.manager.options)

    async def cancelled(self, model: str) -> None:
        call = self.client.chat.ChatCompletion(chat_request(model), **self.client.options)
        await asyncio.wait({asyncio.ensure_future(call.code())}, timeout=0.2)
        call.cancel()

    async def cancelled_stream(self, model: str) -> None:
        call = self.client.chat.StreamChatCompletion(chat_request(model), **self.client.options)
        await call.read()
        call.cancel()

    async def deadline(self, model: str) -> None:
        options = {**self.client.options, "timeout": 0.3}
        await self.client.chat.ChatCompletion(chat_request(model), **options)


FAILING = [
    "emu/missing",
    "emu/status-400",
    "emu/status-401",
    "emu/status-429",
    "emu/status-500",
    "emu/garbage",
    "refusing/text",
    "hasty/hang",
    "emu/error-midstream",
    "emu/cut-later-event",
    "hasty/hang-midstream",
]
KINDS: list[tuple[Ask, str]] = [
    *[(ask, model) for model in FAILING for ask in (Calls.typed, Calls.typed_stream, Calls.whole, Calls.events)],
    *[(ask, "emu/text") for ask in (Calls.typed, Calls.typed_stream, Calls.whole, Calls.events)],
    (Calls.fallback, "emu/status-500"),
    (Calls.fallback, "refusing/text"),
    (Calls.over_limit, ""),
    (Calls.without_key, ""),
    (Calls.no_json, ""),
    (Calls.no_protobuf, ""),
    (Calls.no_message, ""),
    (Calls.explain, "emu/missing"),
    (Calls.get_model, "emu/missing"),
    (Calls.get_key, "0" * 64),
    (Calls.cancelled, "emu/hang"),
    (Calls.cancelled_stream, "emu/gated"),
    (Calls.deadline, "emu/hang"),
]


def document(**fields: Any) -> CreateChatCompletionRequest:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=json.dumps(body).encode()))


@pytest.fixture(scope="module")
def observed(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str]]:
    folder = tmp_path_factory.mktemp("garbage")
    row = {"base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": provider.models}
    hasty = {"first_token": 0.5, "idle": 0.5, "total": 1}
    with refusing_port() as refusing:
        config = {
            "routing": {"breaker": {"failures": 1_000_000}},
            "providers": [
                {"id": "emu", **row},
                {"id": "hasty", **row, "timeouts": hasty},
                {"id": "refusing", **row, "base_url": f"http://127.0.0.1:{refusing}/v1", "models": ["text"]},
            ],
        }
        environment = {
            "PYTHONPATH": str(Path(__file__).with_name("garbage")),
            GARBAGE_FILE: str(folder / "garbage"),
        }
        with running(folder, config, ("serve",), environment) as stack:
            yield stack, add_key(folder / "state", requests_per_minute=1)


@pytest.mark.parametrize(("ask", "model"), KINDS, ids=[f"{ask.__name__} {model}".strip() for ask, model in KINDS])
async def test_a_call_leaves_no_garbage(observed: tuple[Stack, str], emulator: Emulator, ask: Ask, model: str) -> None:
    stack, limited = observed
    file = stack.folder / "garbage"
    file.unlink(missing_ok=True)
    async with stack.async_channel() as channel:
        calls = Calls(stack, channel, limited)
        stack.process.send_signal(signal.SIGUSR1)
        stack.process.wait_until(file.exists, "without a collector")
        await asyncio.gather(*(ask(calls, model) for _ in range(CALLS)), return_exceptions=True)
        # Behind all others, for the end of which nothing else can be waited.
        await calls.typed("emu/text")
        emulator.release_all()
        await asyncio.to_thread(emulator.wait_idle)
        stack.process.send_signal(signal.SIGUSR1)
        stack.process.wait_until(lambda: file.stat().st_size > 0, "looked through")

    found = dict(json.loads(file.read_text("utf-8")))
    # Some of it is of what goes on in the background.
    assert {name: count for name, count in found.items() if name.startswith(OURS) and count >= CALLS // 2} == {}
