"""The HTTP client's connection: however an answer is cut into reads, it is the same answer, and only that one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, NamedTuple

from arouter.providers.http.connection import Connection
from arouter.providers.http.errors import HttpError
from fuzz.mutation import mutate_bytes as mutate

__all__ = ["LOOP", "SEEDS", "FakeTransport", "check", "mutate"]

SEEDS = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 429 No\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\ncontent-encoding: gzip\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nno",
    b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 408 Timeout\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nPRI",
]

LOOP = asyncio.new_event_loop()
_socket, _other = socket.socketpair()


class _Seen(NamedTuple):
    """What became of a request: `body` is None if the answer did not arrive completely."""

    status: int
    headers: dict[str, str]
    body: bytes | None
    is_kept: bool


class FakeTransport(asyncio.Transport):
    """Notes whether it was closed, and whether it may receive."""

    def __init__(self) -> None:
        self.is_paused = False
        self._is_closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _socket if name == "socket" else default

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        self._is_closing = True

    def write(self, data: Any) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


def check(data: bytes) -> None:
    step = max(1, len(data) // 16)
    whole = _receive([data])
    for pieces in (
        [data[at : at + 1] for at in range(len(data))],
        *([data[:at], data[at:]] for at in range(0, len(data), step)),
    ):
        seen = _receive(pieces)
        if data.endswith((b"\r", b"\n")):
            # llhttp drops line ends after an answer; if they come later, the connection is not used again.
            seen = seen._replace(is_kept=whole.is_kept)
        assert seen == whole


def _receive(pieces: list[bytes]) -> _Seen:
    kept: list[bool] = []
    connection = Connection(LOOP, lambda _, reusable: kept.append(reusable), lambda _: None)
    transport = FakeTransport()
    connection.connection_made(transport)
    response = connection.send(b"", b"")
    for piece in pieces:
        if piece and not transport.is_closing():
            connection.data_received(piece)
    whole_before_the_end = response.at_eof() or connection._answered
    if not whole_before_the_end:
        connection.connection_lost(None)
    body: bytes | None = b""
    try:
        _run(response.head())
        while part := response.take(1 << 20):
            body = (body or b"") + part
    except HttpError:
        body = None
    response.close()
    assert len(kept) == 1
    assert not (kept[0] and body is None), "an incomplete answer's connection is used again"
    return _Seen(
        response.status if body is not None else 0, response.headers if body is not None else {}, body, kept[0]
    )


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Returns the result of a coroutine that does not wait."""
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    raise AssertionError("it waits after the end")
