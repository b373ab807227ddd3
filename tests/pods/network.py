"""The cluster's network: a DNS server for headless Services, and a door for the others, as kube-proxy is."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import cast

Addresses = Callable[[str], list[str] | None]
"""The IP addresses of a Service by its name, or None if there is no such Service."""

_FREEBIND = 15
_ZONE = ".arouter.svc.cluster.local"
_TTL = 5
"""Seconds, as CoreDNS has them for Kubernetes' names."""


class Dns(asyncio.DatagramProtocol):
    """Answers for the names of the namespace's Services, and knows no others."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._turn = itertools.count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers one question."""
        name, end = _name(data)
        kind = struct.unpack_from(">H", data, end)[0]
        found = self._addresses(name.removesuffix(_ZONE))
        rows = (found or []) if kind == 1 else []
        turn = next(self._turn) % len(rows) if rows else 0
        flags = 0x8580 if found is not None else 0x8583  # NXDOMAIN
        header = data[:2] + struct.pack(">HHHHH", flags, 1, len(rows), 0, 0)
        answers = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, _TTL, 4) + socket.inet_aton(row)
            for row in rows[turn:] + rows[:turn]
        )
        self._transport.sendto(header + data[12 : end + 4] + answers, addr)


def _name(data: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), at + 1


async def serve_dns(address: str, addresses: Addresses) -> asyncio.DatagramTransport:
    """Starts the DNS server on port 53 of an address that need not exist yet."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
    server.bind((address, 53))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Dns(addresses), sock=server)
    return transport


class Door:
    """A Service's address: passes each new connection to one of its ready pods, and open ones stay where they are.

    Attributes:
        port: Where it listens on the loopback interface.
    """

    def __init__(self, targets: Callable[[], list[tuple[str, int]]]) -> None:
        self._targets = targets
        self._turn = itertools.count()
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        """Starts to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stops to listen, and ends what is open."""
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        targets = self._targets()
        try:
            if targets:
                inner, outer = await asyncio.open_connection(*targets[next(self._turn) % len(targets)])
                try:
                    await asyncio.gather(_copy(reader, outer), _copy(inner, writer))
                finally:
                    outer.close()
        except OSError:
            writer.transport.abort()
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        return
    writer.transport.abort()
