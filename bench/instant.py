"""A gRPC service that answers every call at once with the same bytes: what the gateway is measured against.

HTTP/2 by hand, since every gRPC server here costs more than the gateway. The answer has the size and the metadata of a
service's. It reads no header: a call with an empty message is a health check, or the gateway's question about a key.
"""

from __future__ import annotations

import asyncio
import struct
import sys

import uvloop
from google.api.httpbody_pb2 import HttpBody
from typing_extensions import override

from bench.provider import COMPLETION

_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SERVING = b"\x08\x01"
_REFILL = 1 << 20
"""Bytes after which the client may send as many again."""

_METADATA = {
    "x-arouter-provider": "bench",
    "x-arouter-route": "bench/bench=ok",
    "x-ratelimit-limit": "100000000",
    "x-ratelimit-remaining": "99999999",
    "x-ratelimit-reset": "1795779717",
    "x-ratelimit-limit-requests": "100000000",
    "x-ratelimit-remaining-requests": "99999999",
    "x-ratelimit-reset-requests": "1m0s",
    "x-ratelimit-limit-tokens": "1000000000",
    "x-ratelimit-remaining-tokens": "999995741",
    "x-ratelimit-reset-tokens": "4s",
    "grpc-status": "0",
}


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """Returns a header that no table indexes (RFC 7541, 6.2.2)."""
    return b"\0%c%b%c%b" % (len(name), name.encode(), len(value), value.encode())


def _message(data: bytes) -> bytes:
    return struct.pack(">BI", 0, len(data)) + data


_HEAD = b"\x88" + _literal("content-type", "application/grpc")  # :status 200
_TRAILERS = b"".join(_literal(name, value) for name, value in _METADATA.items())
_ANSWER = _message(HttpBody(content_type="application/json", data=COMPLETION).SerializeToString())
_EMPTY_CALL_BYTES = len(_message(b""))


class _Connection(asyncio.Protocol):
    """A connection of the gateway's."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._bodies: dict[int, int] = {}  # bytes by stream
        self._unacknowledged = 0
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        window = struct.pack(">I", 1 << 30)
        settings = struct.pack(">HIHI", 3, 1000, 4, 1 << 24)  # streams at a time, bytes of each
        self._write(_frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, window))

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        at = len(_PREFACE) if self._received.startswith(_PREFACE[:1]) else 0
        answers = []
        while len(self._received) >= at + 9:
            length = int.from_bytes(self._received[at : at + 3], "big")
            if len(self._received) < at + 9 + length:
                break
            kind, flags, stream = struct.unpack_from(">BBI", self._received, at + 3)
            answers.append(self._read(kind, flags, stream, self._received[at + 9 : at + 9 + length]))
            at += 9 + length
        del self._received[:at]
        self._write(b"".join(answers))

    def _read(self, kind: int, flags: int, stream: int, payload: bytearray) -> bytes:
        """Returns what a frame is answered with."""
        if kind in {_SETTINGS, _PING}:
            return b"" if flags & _ACK else _frame(kind, _ACK, 0, bytes(payload) if kind == _PING else b"")
        if kind != _DATA:
            return b""
        size = self._bodies.pop(stream, 0) + len(payload)
        self._unacknowledged += len(payload)
        answer = b""
        if self._unacknowledged >= _REFILL:
            answer = _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", self._unacknowledged))
            self._unacknowledged = 0
        if not flags & _END_STREAM:
            self._bodies[stream] = size
            return answer
        message = _ANSWER if size > _EMPTY_CALL_BYTES else _message(_SERVING)
        return b"".join(
            (
                answer,
                _frame(_HEADERS, _END_HEADERS, stream, _HEAD),
                _frame(_DATA, 0, stream, message),
                _frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _TRAILERS),
            )
        )

    def _write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
