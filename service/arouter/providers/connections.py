"""Connections to providers: checks before reuse, and limits of what may precede an answer."""

from __future__ import annotations

import asyncio
import functools
import select
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.helpers import _EXC_SENTINEL
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace
from typing_extensions import override

from arouter import __version__

MAX_HEAD_BYTES = 64 * 1024
"""Maximum size of a response's headers, including interim (1xx) responses, in bytes."""

MAX_HEADERS = 256
_PIECE = 16 * 1024
"""Bytes parsed at a time. uvloop reads a quarter of a megabyte at once, which can hold 10,000 interim responses."""


class HeadTooLargeError(aiohttp.ClientError):
    """More than `MAX_HEAD_BYTES` arrived without a final response."""


class UnreadRequestError(aiohttp.ClientOSError):
    """A provider reset a reused connection and had sent nothing since the request.

    A peer resets a connection if it closes it with unread bytes in the receive buffer. A peer that has read the whole
    request closes the connection in order, which is a different error: the request may have been processed and must not
    be resent automatically (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    """


class _Protocol(ResponseHandler):
    """One connection.

    Drops interim responses, and closes if it receives anything but the response to its only request.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._requests = 0
        self._waiting = False
        self._head_bytes = 0
        self._ended = False
        self._readable = select.poll()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def begin(self) -> bool:
        """Marks the start of a request. Returns False if the provider has closed the connection.

        The close may have arrived before the event loop noticed it. Any other unread data is not a valid response
        either.
        """
        if self._requests and self._readable.poll(0):
            return False
        self._requests += 1
        self._waiting = True
        self._head_bytes = 0
        return True

    @override
    def data_received(self, data: bytes) -> None:
        if len(data) > _PIECE:
            for start in range(0, len(data), _PIECE):
                if not self._ended:
                    self.data_received(data[start : start + _PIECE])
            return
        ResponseHandler.data_received(self, data)
        if self._waiting:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._end(HeadTooLargeError(f"more than {MAX_HEAD_BYTES} bytes before an answer"))

    @override
    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        code = data[0].code
        if self._waiting:
            if 100 <= code < 200 and code != 101:
                return
            self._waiting = False
            ResponseHandler.feed_data(self, data, size)
        else:
            # Otherwise it would be read as the response to the next request, from another client.
            self._end(aiohttp.ServerDisconnectedError())

    @override
    def set_exception(self, exc: BaseException, exc_cause: BaseException = _EXC_SENTINEL) -> None:
        if self._waiting and self._requests > 1 and not self._head_bytes and isinstance(exc, aiohttp.ClientOSError):
            exc = UnreadRequestError(*exc.args)
        super().set_exception(exc, exc_cause)

    def _end(self, error: aiohttp.ClientError) -> None:
        self._ended = True
        if self.transport is not None:
            self.set_exception(error)
            self.transport.abort()


class _Connector(aiohttp.TCPConnector):
    """A pool that does not return connections that their provider has closed."""

    def __init__(self, limit: int, *, keep: bool) -> None:
        super().__init__(limit=limit, force_close=not keep)
        # aiohttp has no public option for the protocol class of a connection.
        self._factory = cast("functools.partial[ResponseHandler]", functools.partial(_Protocol, loop=self._loop))

    @override
    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        while True:
            connection = await aiohttp.TCPConnector.connect(self, req, traces, timeout)
            protocol: Any = connection.protocol
            if protocol.begin():
                return connection
            connection.close()


def new_session(max_connections: int, *, keep: bool) -> aiohttp.ClientSession:
    """Returns a session with its own connection pool.

    Args:
        max_connections: Maximum number of open connections; further requests wait.
        keep: Whether connections are reused.
    """
    return aiohttp.ClientSession(
        connector=_Connector(max_connections, keep=keep),
        cookie_jar=aiohttp.DummyCookieJar(),
        # Deadlines are enforced by the driver.
        timeout=aiohttp.ClientTimeout(total=None),
        # Compression would delay the body. Some bodies are compressed all the same: see `bodies`.
        headers={"user-agent": f"arouter/{__version__}", "accept-encoding": "identity"},
        auto_decompress=False,
        max_field_size=MAX_HEAD_BYTES,
        max_line_size=MAX_HEAD_BYTES,
        max_headers=MAX_HEADERS,
    )
