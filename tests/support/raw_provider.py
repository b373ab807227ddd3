"""A provider of which a test decides every byte, for what no HTTP server would send."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.providers.adapter import WireRequest
from arouter.providers.provider import Provider, build_providers

ANSWER = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
EVENTS = (
    b'data: {"choices": [{"index": 0, "delta": {"content": "hi"}}]}\n\n'
    b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
REQUEST = WireRequest("/chat/completions", b'{"model": "m"}')


class Connection:
    """One connection to the provider."""

    def __init__(self, provider: RawProvider, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._provider = provider
        self._reader = reader

    async def request(self) -> bytes:
        """Reads a whole request, and counts it."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length:
            await self._reader.readexactly(int(length[0].partition(b":")[2]))
        self._provider.requests += 1
        return head

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def flood(self, block: bytes) -> None:
        """Sends a block for ever."""
        while True:
            await self.send(block)

    def reset(self) -> None:
        """Closes the connection as a system does in which bytes of it have not been read."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Handler = Callable[[Connection, int], Awaitable[None]]


class RawProvider:
    """The server.

    Attributes:
        provider: Its row.
        requests: How many it has read in full.
        connections: How many were opened.
    """

    def __init__(self, handler: Handler) -> None:
        self.requests = 0
        self.connections = 0
        self.provider: Provider
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(Connection(self, reader, writer), self.connections))
        self._tasks.add(task)

    async def close(self) -> None:
        """Ends what is still being answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, connection: Connection, number: int) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._handler(connection, number)
                connection.writer.close()
                await connection.writer.wait_closed()
        finally:
            connection.writer.transport.abort()


@asynccontextmanager
async def raw_provider(
    handler: Handler, timeouts: str = "{connect: 5, first_token: 5, idle: 5}", protocol: str = "openai"
) -> AsyncIterator[RawProvider]:
    """Runs a provider whose `handler` gets each connection, and its number from 1 on."""
    raw = RawProvider(handler)
    server = await asyncio.start_server(raw.handle, "127.0.0.1", 0, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    row = (
        f"providers: [{{id: raw, protocol: {protocol}, base_url: 'http://127.0.0.1:{port}/v1', timeouts: {timeouts}}}]"
    )
    [raw.provider] = build_providers(parse_config(row, {}), read_environment({}))
    async with server:
        try:
            yield raw
        finally:
            await raw.close()


async def once(answer: bytes, connection: Connection) -> None:
    """Answers one request and keeps the connection open."""
    await connection.request()
    await connection.send(answer)
    await connection.request()
