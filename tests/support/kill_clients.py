"""Clients that call while a service is killed, and note the calls whose whole answer they have seen."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
import orjson
from google.api import httpbody_pb2
from typing_extensions import override

from arouter.v1 import chat_service_pb2
from arouter.v1.chat_service_pb2_grpc import ChatServiceStub
from support.ports import HOST
from support.stack import CLIENT_KEY, GRPC_OPTIONS
from support.typed import chat_request

_LIMIT = 60.0
_POLL = 0.05
_BODY = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}
_OPTIONS = (*GRPC_OPTIONS, ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500))
_DONE = b"data: [DONE]\n\n"
_ID = re.compile(rb'"id":"(gen-[^"]+)"')


class Clients(ABC):
    """Clients that call on and on, and wait for a service that is not there.

    Attributes:
        finished: The ids of the calls of which the whole answer has come, by kind.
        broken: Calls that failed, by how.
    """

    def __init__(self) -> None:
        self.finished: dict[str, str] = {}
        self.broken: Counter[str] = Counter()
        self.stopping = False

    @asynccontextmanager
    async def calling(self, count: int) -> AsyncIterator[Clients]:
        """Calls until the block ends. Each client has a connection of its own, so that every worker gets some."""
        tasks = [asyncio.create_task(self.call(number)) for number in range(count)]
        try:
            yield self
        finally:
            self.stopping = True
            await asyncio.gather(*tasks)

    async def more(self, count: int) -> None:
        """Waits until that many more calls have finished."""
        enough = len(self.finished) + count
        async with asyncio.timeout(_LIMIT):
            while len(self.finished) < enough:  # noqa: ASYNC110
                await asyncio.sleep(_POLL)  # The clients go on meanwhile.

    @abstractmethod
    async def call(self, number: int) -> None:
        """Calls until `stopping`, as client `number`."""

    def note(self, data: bytes, kind: str) -> None:
        """Notes a call whose whole answer is `data`."""
        found = _ID.search(data)
        assert found is not None, data
        self.finished[found[1].decode()] = kind


class GrpcClients(Clients):
    """Call the service itself: typed and REST-shaped, whole and streamed in turns."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._address = f"{HOST}:{port}"

    @override
    async def call(self, number: int) -> None:
        options: dict[str, Any] = {
            "metadata": (("authorization", f"Bearer {CLIENT_KEY}"),),
            "timeout": _LIMIT,
            "wait_for_ready": True,
        }
        kinds = (self._typed, self._typed_stream, self._whole, self._events)
        async with grpc.aio.insecure_channel(self._address, options=_OPTIONS) as channel:
            chat = ChatServiceStub(channel)
            while not self.stopping:
                number += 1
                try:
                    await kinds[number % len(kinds)](chat, options)
                except grpc.aio.AioRpcError as error:
                    self.broken[error.code().name] += 1

    async def _typed(self, chat: ChatServiceStub, options: dict[str, Any]) -> None:
        answer = await chat.ChatCompletion(chat_request(), **options)
        self.finished[answer.id] = "typed"

    async def _typed_stream(self, chat: ChatServiceStub, options: dict[str, Any]) -> None:
        ids = [chunk.id async for chunk in chat.StreamChatCompletion(chat_request(), **options)]
        self.finished[ids[0]] = "typed stream"

    async def _whole(self, chat: ChatServiceStub, options: dict[str, Any]) -> None:
        answer = await chat.CreateUnaryChatCompletion(request(stream=False), **options)
        self.note(answer.data, "whole")

    async def _events(self, chat: ChatServiceStub, options: dict[str, Any]) -> None:
        data = b""
        async for piece in chat.CreateChatCompletion(request(stream=True), **options):
            data += piece.data
            if data.endswith(_DONE):
                self.note(data, "events")


class RestClients(Clients):
    """Call through a gateway: whole and streamed in turns."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._url = f"http://{HOST}:{port}/v1/chat/completions"

    @override
    async def call(self, number: int) -> None:
        headers = {"authorization": f"Bearer {CLIENT_KEY}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while not self.stopping:
                number += 1
                stream = number % 2 == 1
                try:
                    async with session.post(self._url, json={**_BODY, "stream": stream}) as answer:
                        data = await answer.read()
                        if answer.status == 200 and (not stream or data.endswith(_DONE)):
                            self.note(data, "REST stream" if stream else "REST")
                            continue
                        self.broken[str(answer.status)] += 1
                except aiohttp.ClientError as error:
                    self.broken[type(error).__name__] += 1
                await asyncio.sleep(_POLL)  # There is no service to call.


def request(*, stream: bool, **fields: Any) -> chat_service_pb2.CreateChatCompletionRequest:
    """Returns a REST-shaped request."""
    data = orjson.dumps({**_BODY, "stream": stream, **fields})
    return chat_service_pb2.CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=data))
