"""One connection to a provider: sends a request at a time and parses what comes back."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Any

import httptools
from typing_extensions import override

from arouter.providers.http.errors import (
    ClosedError,
    HeadTooLargeError,
    HttpError,
    MalformedError,
    UnreadRequestError,
)
from arouter.providers.http.response import Response

MAX_HEAD_BYTES = 64 * 1024
"""Maximum bytes without any of a body: headers with interim (1xx) answers before it, trailers after it."""

MAX_HEADERS = 256
"""Maximum number of headers, including those of interim responses."""

_PIECE = 16 * 1024
"""Bytes parsed at a time. uvloop reads a quarter of a megabyte at once, which can hold 10,000 interim responses."""

_KEPT_HEADERS = frozenset({b"content-encoding", b"retry-after", b"retry-after-ms"})
_SMALL_BODY = 16 * 1024


class Connection(asyncio.Protocol):
    """A connection.

    It closes if it receives anything but the response to its only request.

    Args:
        loop: The event loop.
        released: Called with this connection when its response is no longer read, and whether it can be used again.
        lost: Called with this connection when it has closed.

    Attributes:
        requests: Requests that were sent.
        idle_since: Loop time of the end of the last response.
    """

    __slots__ = ("_answered", "_head_bytes", "_headers", "_interim", "_is_delimited", "_keep", "_loop", "_lost",
                 "_parser", "_readable", "_released", "_response", "_transport", "idle_since", "requests")  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        released: Callable[[Connection, bool], None],
        lost: Callable[[Connection], None],
    ) -> None:
        self.requests = 0
        self.idle_since = 0.0
        self._loop = loop
        self._released = released
        self._lost = lost
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        # Some servers are not strict.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._transport: Any = None
        self._readable = select.poll()
        self._response: Response | None = None
        self._head_bytes = self._headers = 0
        self._answered = self._interim = self._is_delimited = self._keep = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._readable.register(connected.fileno(), select.POLLIN)

    @property
    def ssl_object(self) -> Any:
        """The connection's `ssl.SSLObject`; None without TLS."""
        return self._transport.get_extra_info("ssl_object")

    def is_usable(self) -> bool:
        """Returns whether a request may be sent: the provider has neither closed the connection nor sent anything.

        The close may have arrived before the event loop noticed it. Unread data would not be a valid response either.
        """
        return self._parser is not None and not self._transport.is_closing() and not self._readable.poll(0)

    def send(self, head: bytes, body: bytes) -> Response:
        """Sends a request and returns its response, which must be closed."""
        self.requests += 1
        self._head_bytes = self._headers = 0
        self._answered = self._interim = self._is_delimited = False
        self._keep = True
        response = self._response = Response(self._loop, self._pause, self._done)
        if self._parser is None:
            response.fail(ClosedError("the connection was closed at once"))
            return response
        if len(body) <= _SMALL_BODY:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return response

    def abort(self) -> None:
        """Closes the connection at once."""
        self._transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None or self._answered:
            # It would be read as the response to the next request, from another client.
            self._keep = False
            self.abort()
        elif len(data) <= _PIECE or response.status:
            self._feed(data, response)
        else:
            for start in range(0, len(data), _PIECE):
                if self._answered or self._transport.is_closing():
                    self._keep = False
                    return
                self._feed(data[start : start + _PIECE], response)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._parser = None  # Or it and this connection would be garbage that only the collector finds.
        self._keep = False
        self._lost(self)
        response = self._response
        if response is None or self._answered:
            return
        if exc is None and response.status and not self._is_delimited:
            self._answered = True
            response.end()
            response.notice()
        elif isinstance(exc, OSError) and self.requests > 1 and not response.status and not self._head_bytes:
            response.fail(UnreadRequestError(str(exc)))
        else:
            response.fail(ClosedError(str(exc) if exc else "the connection was closed before the end of the response"))

    def on_message_begin(self) -> None:
        """Notices bytes of another response. For the parser, like all `on_…`."""
        if self._answered:
            self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Notes a header, or drops a trailer."""
        response = self._response
        if response is None or response.status:
            return  # a trailer
        self._headers += 1
        name = name.lower()
        if name in _KEPT_HEADERS:
            response.headers.setdefault(name.decode(), value.decode("latin-1"))
        elif name == b"content-length" or (name == b"transfer-encoding" and value.lower().endswith(b"chunked")):
            self._is_delimited = True

    def on_headers_complete(self) -> None:
        """Notes the status, unless the response is an interim one."""
        parser, response = self._parser, self._response
        if parser is None or response is None or self._answered:
            return
        status = parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._interim = True
            response.headers.clear()
            self._is_delimited = False
            return
        if self._headers > MAX_HEADERS:
            self._end(response, HeadTooLargeError(f"more than {MAX_HEADERS} headers"))
            return
        response.status = status
        self._keep = parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Adds to the body."""
        response = self._response
        if response is not None and not self._answered:
            response.pieces.append(data)
            response.size += len(data)

    def on_message_complete(self) -> None:
        """Ends the response."""
        if self._interim:
            self._interim = False
        elif self._response is not None and not self._answered:
            self._answered = True
            self._response.end()

    def _feed(self, data: bytes, response: Response) -> None:
        parser = self._parser
        if parser is None:
            return
        size = response.size
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end(response, MalformedError("a response that switches to another protocol"))
            return
        except httptools.HttpParserError as error:
            if not self._answered:
                self._end(response, MalformedError(str(error)))
                return
            self._keep = False
        if response.size > size:
            self._head_bytes = 0
        else:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self._answered:
                self._end(response, HeadTooLargeError(f"more than {MAX_HEAD_BYTES} bytes without any of a response"))
                return
        if response.status:
            response.notice()

    def _end(self, response: Response, error: HttpError) -> None:
        self._keep = False
        response.fail(error)
        self.abort()

    def _pause(self, paused: bool) -> None:
        if self._transport.is_closing():
            return
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _done(self) -> None:
        self._response = None
        # A provider may respond before it has read all of the request.
        usable = self._keep and self._answered and self._transport.get_write_buffer_size() == 0
        if usable and not self._transport.is_closing():
            self.idle_since = self._loop.time()
            self._released(self, True)
        else:
            self.abort()
            self._released(self, False)
