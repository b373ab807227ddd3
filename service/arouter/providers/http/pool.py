"""Requests over a pool of connections."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import quote

import aiohappyeyeballs

from arouter.providers.http.connection import Connection
from arouter.providers.http.errors import ClosedError, ConnectError, ConnectTimeoutError
from arouter.providers.http.origin import Origin, parse_base_url, tls_context
from arouter.providers.http.response import Response
from arouter.providers.http.tunnel import Proxy, open_tunnel
from arouter.version import VERSION

_IDLE_LIMIT = 15.0
"""Seconds after which an unused connection is closed: less than servers keep one."""

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a host is tried beside the one before (RFC 8305 §5)."""

# Compression would delay the body. Some bodies are compressed all the same: see `bodies`.
_CONSTANT = f"accept: */*\r\naccept-encoding: identity\r\nuser-agent: arouter/{VERSION}\r\n"

_UNRESERVED = "!$%&'()*+,-./:;=?@_~"
_FORBIDDEN = frozenset("\r\n\0")


class Pool:
    """Sends requests.

    Args:
        limit: Maximum number of connections with a request; further requests wait.
        keep: Whether connections are used again.
        proxy: Through which servers with TLS are connected to, if there is one.
    """

    def __init__(self, limit: int, *, keep: bool, proxy: Proxy | None = None) -> None:
        self._proxy = proxy
        self._free = limit
        self._keep = keep
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._origins: dict[Connection, Origin] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def request(
        self,
        url: str,
        path: str,
        body: bytes | None,
        headers: Iterable[tuple[str, str]],
        connect_timeout: float,
    ) -> Response:
        """Sends a request and returns its response when its headers have arrived. The caller must close it.

        A POST is sent once. A GET whose used connection closes without a response is sent again, once.

        Args:
            url: The base URL.
            path: Appended to the base URL.
            body: JSON to POST; None for GET.
            headers: Further headers.
            connect_timeout: Seconds within which there must be a connection.

        Raises:
            HttpError: There is no response.
            ValueError: A header has a line break.
        """
        base = parse_base_url(url)
        target = base.prefix + path
        if not (target.isascii() and target.isprintable() and " " not in target):
            target = quote(target, _UNRESERVED)
        lines = [
            f"{'GET' if body is None else 'POST'} {target} HTTP/1.1\r\nhost: {base.authority}\r\n{_CONSTANT}"
            "content-type: application/json\r\n"
        ]
        for name, value in headers:
            if not _FORBIDDEN.isdisjoint(value):
                raise ValueError(f"the header {name} has a line break")
            lines.append(f"{name}: {value}\r\n")
        lines.append("\r\n" if body is None else f"content-length: {len(body)}\r\n\r\n")
        head = "".join(lines).encode()
        response, used = await self._send(base.origin, head, body or b"", connect_timeout)
        try:
            await response.head()
        except ClosedError:
            response.close()
            if body is not None or not used:
                raise
        except BaseException:
            response.close()
            raise
        else:
            return response
        self._drop_idle(base.origin)
        response, _ = await self._send(base.origin, head, b"", connect_timeout)
        try:
            await response.head()
        except BaseException:
            response.close()
            raise
        return response

    async def close(self) -> None:
        """Closes all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        for connection in tuple(self._origins):
            connection.abort()
        await asyncio.sleep(0)  # The event loop then closes their sockets.

    async def _send(self, origin: Origin, head: bytes, body: bytes, within: float) -> tuple[Response, bool]:
        """Returns the response, and whether its connection was used before."""
        if self._free and not self._waiting:
            self._free -= 1
            connection = self._take_idle(origin)
            if connection is not None:
                return connection.send(head, body), True
            waits = False
        else:
            waits = True
        held = not waits
        try:
            async with asyncio.timeout(within):
                if waits:
                    await self._turn()
                    held = True
                connection = self._take_idle(origin) or await self._connect(origin)
        except BaseException as error:
            if held:
                self._give_turn()
            if isinstance(error, TimeoutError):
                raise ConnectTimeoutError("no connection in time") from error
            raise
        return connection.send(head, body), connection.requests > 1

    async def _turn(self) -> None:
        """Waits for a free connection and takes it."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._give_turn()
            else:
                self._waiting.remove(waiter)
            raise

    def _give_turn(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def _take_idle(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    def _drop_idle(self, origin: Origin) -> None:
        for connection in self._idle.pop(origin, ()):
            connection.abort()

    async def _connect(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        opened: socket.socket | None = None
        proxy = self._proxy if origin.tls else None
        host, port = (origin.host, origin.port) if proxy is None else (proxy.host, proxy.port)
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            opened = await aiohappyeyeballs.start_connection(
                found, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1, loop=loop
            )
            if proxy is not None:
                await open_tunnel(opened, proxy, origin)
            _, connection = await loop.create_connection(
                lambda: Connection(loop, self._released, self._lost),
                sock=opened,
                ssl=tls_context() if origin.tls else None,
                server_hostname=origin.host if origin.tls else None,
            )
        except BaseException as error:
            if opened is not None:
                with suppress(OSError):
                    opened.close()
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise ConnectError(str(error)) from error
            raise
        self._origins[connection] = origin
        return connection

    def _released(self, connection: Connection, reusable: bool) -> None:
        origin = self._origins[connection] if reusable else None
        if origin is not None and origin.tls and connection.requests == 1:
            tls_context().remember(connection.ssl_object)
        if origin is not None and self._keep:
            self._idle[origin].append(connection)
            if self._sweeping is None:
                self._sweeping = asyncio.get_running_loop().call_later(_IDLE_LIMIT, self._sweep)
        elif reusable:
            connection.abort()
        self._give_turn()

    def _lost(self, connection: Connection) -> None:
        origin = self._origins.pop(connection, None)
        idle = self._idle.get(origin) if origin else None
        if idle and connection in idle:
            idle.remove(connection)

    def _sweep(self) -> None:
        """Closes connections that have not been used for long."""
        loop = asyncio.get_running_loop()
        since = loop.time() - _IDLE_LIMIT
        for origin, idle in list(self._idle.items()):
            old = [connection for connection in idle if connection.idle_since <= since]
            for connection in old:
                connection.abort()
            self._idle[origin] = [connection for connection in idle if connection.idle_since > since]
            if not self._idle[origin]:
                del self._idle[origin]
        self._sweeping = loop.call_later(_IDLE_LIMIT / 3, self._sweep) if self._idle else None
