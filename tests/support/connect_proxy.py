"""An HTTP proxy that passes connections on by CONNECT, and notes what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ConnectProxy:
    """The proxy.

    Attributes:
        answer: What it answers; only after a 200 does it connect.
        asked: The head of each request.
        port: Where it listens.
    """

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.port = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a connection."""
        self._tasks.append(asyncio.create_task(self._serve(reader, writer)))

    async def ended(self) -> None:
        """Waits for the end of all connections, which their clients have closed."""
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            writer.write(self.answer)
            if b" 200 " in self.answer:
                host, _, port = head.split(b" ")[1].decode().rpartition(":")
                from_server, to_server = await asyncio.open_connection(host, int(port))
                await asyncio.gather(_pass_on(reader, to_server), _pass_on(from_server, writer))
            else:
                await reader.read()
        writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def connect_proxy(answer: bytes = ESTABLISHED) -> AsyncIterator[ConnectProxy]:
    """Runs a proxy."""
    proxy = ConnectProxy(answer)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        await proxy.ended()
