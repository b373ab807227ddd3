"""Connections through an HTTP proxy (CONNECT, RFC 9110 §9.3.6)."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

import httptools

from arouter.providers.http.errors import ConnectError
from arouter.providers.http.origin import Origin

_MAX_HEAD_BYTES = 64 * 1024
_AT_ONCE = 4096


class Proxy(NamedTuple):
    """An HTTP proxy.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        headers: What authenticates to it, as lines; may be empty.
    """

    host: str
    port: int
    headers: bytes


def parse_proxy(url: str) -> Proxy:
    """Returns the proxy of a URL as in `HTTPS_PROXY`: `http://user:password@host:port`."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    headers = b""
    if at:
        user, _, password = credentials.partition(":")
        encoded = b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password))
        headers = b"proxy-authorization: Basic %b\r\n" % encoded
    return Proxy(parts.hostname or "", parts.port or 80, headers)


async def open_tunnel(connected: socket.socket, proxy: Proxy, origin: Origin) -> None:
    """Asks the proxy at the other end of a socket to pass everything on to a server from now on.

    Raises:
        ConnectError: The proxy refuses, or its response is not HTTP.
        OSError: The connection to it is lost.
    """
    loop = asyncio.get_running_loop()
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    authority = f"{host}:{origin.port}".encode()
    await loop.sock_sendall(
        connected, b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (authority, authority, proxy.headers)
    )
    answer = _Answer()
    received = 0
    while not answer.status:
        data = await loop.sock_recv(connected, _AT_ONCE)
        received += len(data)
        if not data or received > _MAX_HEAD_BYTES:
            raise ConnectError("the proxy did not respond")
        answer.feed(data)
    if not 200 <= answer.status < 300:
        raise ConnectError(f"the proxy responded with status {answer.status}")


class _Answer:
    """The response to CONNECT.

    Attributes:
        status: HTTP status; 0 before all headers have arrived.
    """

    def __init__(self) -> None:
        self.status = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Parses what has arrived. Nothing follows the headers before this side has begun with TLS.

        Raises:
            ConnectError: It is not HTTP.
        """
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.status:
                raise ConnectError(f"the proxy's response is not HTTP: {error}") from error

    def on_headers_complete(self) -> None:
        """Notes the status, unless the response is an interim one. For the parser."""
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = self.status or status
