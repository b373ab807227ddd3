"""Connections to providers: when one may be used again, and how much may come before an answer."""

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
"""Bytes of an answer's headers, with the interim (1xx) answers before them."""

MAX_HEADERS = 256
_PIECE = 16 * 1024
"""Bytes that are parsed at a time. uvloop reads a quarter of a megabyte at once, which holds 10,000 interim answers."""


class HeadTooLargeError(aiohttp.ClientError):
    """More than `MAX_HEAD_BYTES` came without an answer."""


class UnreadRequestError(aiohttp.ClientOSError):
    """A provider reset a connection that had served before, and had sent nothing since the request.

    A peer resets a connection that it closes with bytes in it that it has not read. One that has read the whole request
    closes it in order, which is another error: the request may have been served, and must not be sent again by itself
    (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    """


class _Protocol(ResponseHandler):
    """One connection. It drops interim answers and ends if what comes is no answer to its one request."""

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
        """Notes that a request is about to be written. False if the provider has closed the connection.

        The close may have arrived without the event loop knowing. Anything else that can be read is no answer either.
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
            # Taken for the answer to the next request, this would be somebody else's.
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
    """A pool that gives out no connection which its provider has closed."""

    def __init__(self, limit: int, *, keep: bool) -> None:
        super().__init__(limit=limit, force_close=not keep)
        # aiohttp has no other place to say which protocol speaks on a connection.
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
    """Returns a session with a pool of its own.

    Args:
        max_connections: How many it may have open; a request beyond waits.
        keep: Whether a connection serves more than one request.
    """
    return aiohttp.ClientSession(
        connector=_Connector(max_connections, keep=keep),
        cookie_jar=aiohttp.DummyCookieJar(),
        # The driver's are the deadlines.
        timeout=aiohttp.ClientTimeout(total=None),
        # A compressed body would arrive later than it was written. Some are compressed all the same: see `bodies`.
        headers={"user-agent": f"arouter/{__version__}", "accept-encoding": "identity"},
        auto_decompress=False,
        max_field_size=MAX_HEAD_BYTES,
        max_line_size=MAX_HEAD_BYTES,
        max_headers=MAX_HEADERS,
    )
