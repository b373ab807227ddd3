"""A TCP relay in front of a server: what a host name is whose address changes, or a network that fails."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from support.ports import HOST

Tap = Callable[[int, bool, bytes], None]
"""Sees what passes: the number of the connection, whether the client sent it, and the bytes. Must not block."""


class Relay:
    """Passes connections on. All methods may be called from any thread and take effect before they return.

    Args:
        tap: Sees what passes, in the relay's own thread.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, tap: Tap | None = None) -> None:
        self.port = 0
        self._tap = tap
        self._connections = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._target = 0
        self._is_cut = False
        self._is_silent = False
        self._open: dict[asyncio.StreamWriter, asyncio.Event] = {}

    def to(self, port: int) -> None:
        """Passes new connections on to another port. Open ones stay where they are."""
        self._do(lambda: setattr(self, "_target", port))

    def cut(self) -> None:
        """Ends open connections, and new ones at once."""
        self._do(self._cut)

    def mend(self) -> None:
        """Takes connections again."""
        self._do(lambda: setattr(self, "_is_cut", False))

    def hang(self) -> None:
        """Passes nothing on any more in the connections that are open now, and does not end them either."""
        self._do(lambda: [flowing.clear() for flowing in self._open.values()])

    def hang_new(self) -> None:
        """Passes nothing on in connections that are opened from now on."""
        self._do(lambda: setattr(self, "_is_silent", True))

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def _do(self, what: Callable[[], object]) -> None:
        async def work() -> None:
            what()

        asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    async def _start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._pass_on, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if not self._is_cut:
                there_reader, there_writer = await asyncio.open_connection(HOST, self._target)
                flowing = asyncio.Event()
                if not self._is_silent:
                    flowing.set()
                self._open[writer] = self._open[there_writer] = flowing
                number = next(self._connections)
                await asyncio.gather(
                    _pump(reader, there_writer, flowing, self._tap_of(number, from_client=True)),
                    _pump(there_reader, writer, flowing, self._tap_of(number, from_client=False)),
                )
                del self._open[writer], self._open[there_writer]
        writer.transport.abort()

    def _tap_of(self, connection: int, *, from_client: bool) -> Callable[[bytes], None]:
        tap = self._tap
        return (lambda _: None) if tap is None else lambda data: tap(connection, from_client, data)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event, see: Callable[[bytes], None]
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            await flowing.wait()
            see(data)
            writer.write(data)
            await writer.drain()
    await flowing.wait()
    writer.transport.abort()


@contextmanager
def relaying(port: int, tap: Tap | None = None) -> Iterator[Relay]:
    """Runs a relay to a port."""
    relay = Relay(tap)
    loop = relay._loop
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        relay._cut()
        for flowing in relay._open.values():
            flowing.set()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    server = asyncio.run_coroutine_threadsafe(relay._start(), loop).result()
    try:
        relay.to(port)
        yield relay
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
