"""An HTTP/2 client made of single frames, for what a library would not do: requests that never end."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping
from types import TracebackType

from support.http2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GO_AWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    header_block,
)
from support.ports import HOST

_FRAME = 16384


class Http2:
    """One connection in plain text.

    Attributes:
        ended: The streams that the server has ended or reset.
        answered: The streams whose answer has begun.
        received: All data that came, by stream.
    """

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=timeout)
        self._window = 65535
        self._first_window = 65535
        self._windows: dict[int, int] = {}
        self._unread = b""
        self.ended: set[int] = set()
        self.answered: set[int] = set()
        self.received: dict[int, bytes] = {}
        self.is_closed = False
        self._socket.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 1 << 20)))

    def __enter__(self) -> Http2:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._socket.close()

    def open(self, headers: Mapping[str, str], *, end: bool = False) -> int:
        """Begins a request and returns its stream; a name is sent twice if its value has a newline."""
        stream = 2 * len(self._windows) + 1
        self._windows[stream] = self._first_window
        pairs = [(name, value) for name, values in headers.items() for value in values.split("\n")]
        self._send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, header_block(pairs)))
        return stream

    def send(self, stream: int, size: int, *, end: bool = False) -> int:
        """Sends spaces as far as the windows allow, and returns how many it has sent."""
        sent = 0
        while sent < size and stream not in self.ended and not self.is_closed:
            piece = min(size - sent, self._window, self._windows[stream], _FRAME)
            if piece <= 0:
                break
            last = end and sent + piece == size
            self._send(frame(DATA, END_STREAM if last else 0, stream, b" " * piece))
            sent += piece
            self._window -= piece
            self._windows[stream] -= piece
        return sent

    def fill(self, streams: Iterable[int], size: int, *, quiet: float) -> dict[int, int]:
        """Sends up to `size` bytes in each stream until nothing more may be sent for `quiet` seconds."""
        left = dict.fromkeys(streams, size)
        while True:
            for stream in left:
                left[stream] -= self.send(stream, left[stream])
            open_ones = [stream for stream, rest in left.items() if rest and stream not in self.ended]
            if not open_ones or not self.read(quiet):
                return {stream: size - rest for stream, rest in left.items()}

    def read(self, timeout: float) -> bool:
        """Reads what has come, waiting if there is nothing; returns whether anything came."""
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(1 << 20)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
            return False
        self._unread += data
        while len(self._unread) >= 9 and len(self._unread) >= 9 + (size := int.from_bytes(self._unread[:3], "big")):
            kind, flags = self._unread[3], self._unread[4]
            stream = int.from_bytes(self._unread[5:9], "big")
            payload, self._unread = self._unread[9 : 9 + size], self._unread[9 + size :]
            self._take(kind, flags, stream, payload)
        return True

    def read_to_end(self, streams: Iterable[int]) -> None:
        """Reads until the server has ended these streams, or has sent nothing for half a minute."""
        while not self.ended.issuperset(streams):
            assert self.read(30.0), "the streams have not ended"

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, at)
                if name == INITIAL_WINDOW_SIZE:
                    for each in self._windows:
                        self._windows[each] += value - self._first_window
                    self._first_window = value
            self._send(frame(SETTINGS, ACK, 0, b""))
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            if stream:
                self._windows[stream] += more
            else:
                self._window += more
        elif kind == PING and not flags & ACK:
            self._send(frame(PING, ACK, 0, payload))
        elif kind == GO_AWAY:
            self.is_closed = True
        if kind == HEADERS:
            self.answered.add(stream)
        if kind == DATA:
            self.received[stream] = self.received.get(stream, b"") + payload
        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self.ended.add(stream)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            self.is_closed = True


def post(path: str, length: int | None = None, **headers: str) -> dict[str, str]:
    """Returns the headers of a POST; underscores in names stand for hyphens."""
    said = {} if length is None else {"content-length": str(length)}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", **said, **named}
