"""HTTP/2 by hand, for what no client library does: resets at once, messages that never end.

https://www.rfc-editor.org/rfc/rfc9113, https://www.rfc-editor.org/rfc/rfc7541
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from support.ports import HOST

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GO_AWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
CANCEL = 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Returns one frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(headers: Iterable[tuple[str, str]]) -> bytes:
    """Returns headers as literals that need no table, the same for every stream."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)


def call_headers(method: str, *more: tuple[str, str]) -> bytes:
    """Returns the headers of a gRPC call."""
    pseudo = ((":method", "POST"), (":scheme", "http"), (":path", method), (":authority", HOST))
    return header_block((*pseudo, ("content-type", "application/grpc"), ("te", "trailers"), *more))


def message(data: bytes) -> bytes:
    """Returns a gRPC message, uncompressed."""
    return struct.pack(">BI", 0, len(data)) + data


class Connection:
    """A connection whose frames the test writes. What comes back is read by `read` alone."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=10)
        self._next = 1
        self._buffer = b""
        self.send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 2**31 - 1)))
        self.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**30)))

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def next_stream(self) -> int:
        """Returns the number of a stream that has not been used."""
        number, self._next = self._next, self._next + 2
        return number

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, timeout: float) -> tuple[int, int, int, bytes] | None:
        """Returns the next frame (type, flags, stream, payload), its acknowledgements made; None at the end.

        Raises:
            TimeoutError: None has come.
        """
        self._socket.settimeout(timeout)
        while len(self._buffer) < 9 or len(self._buffer) < 9 + int.from_bytes(self._buffer[:3], "big"):
            data = self._socket.recv(65536)
            if not data:
                return None
            self._buffer += data
        size = int.from_bytes(self._buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self._buffer[3:9])
        payload, self._buffer = self._buffer[9 : 9 + size], self._buffer[9 + size :]
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        return kind, flags, stream, payload


def _text(text: str) -> bytes:
    data = text.encode("latin-1")
    return _length(len(data)) + data


def _length(size: int) -> bytes:
    if size < 127:
        return bytes([size])
    out, size = bytearray([127]), size - 127
    while size >= 128:
        out.append(size % 128 + 128)
        size //= 128
    return bytes([*out, size])
