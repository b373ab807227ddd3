"""The HTTP/2 frames between a client and the service, of each connection."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from support.http2_frames import ACK, GO_AWAY, PING, PREFACE

_WAIT = 30.0


class Frame(NamedTuple):
    """A frame that has passed."""

    connection: int
    from_client: bool
    kind: int
    flags: int
    payload: bytes


class Frames:
    """A tap of a relay: collects the frames other than DATA's content, for any thread."""

    def __init__(self) -> None:
        self._buffers: defaultdict[tuple[int, bool], bytes] = defaultdict(bytes)
        self._frames: list[Frame] = []
        self._changed = threading.Condition()

    def __call__(self, connection: int, from_client: bool, data: bytes) -> None:
        buffer = self._buffers[connection, from_client] + data
        if from_client:
            buffer = buffer.removeprefix(PREFACE)
        found = []
        while len(buffer) >= 9 and len(buffer) >= 9 + (size := int.from_bytes(buffer[:3], "big")):
            found.append(Frame(connection, from_client, buffer[3], buffer[4], buffer[9 : 9 + size]))
            buffer = buffer[9 + size :]
        self._buffers[connection, from_client] = buffer
        with self._changed:
            self._frames += found
            self._changed.notify_all()

    def wait(self, enough: Callable[[], object]) -> None:
        """Waits until the frames so far are `enough`."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(enough()), _WAIT), self._frames[-20:]

    def connections(self) -> int:
        """Returns how many connections there have been."""
        return len({frame.connection for frame in self._frames})

    def pings(self) -> int:
        """Returns how many pings of the client the service has acknowledged."""
        return len(
            [frame for frame in self._frames if frame.kind == PING and frame.flags & ACK and not frame.from_client]
        )

    def goaways(self) -> list[tuple[int, bytes]]:
        """Returns the error code and the debug data of each GOAWAY of the service."""
        return [
            (int.from_bytes(frame.payload[4:8], "big"), frame.payload[8:])
            for frame in self._frames
            if frame.kind == GO_AWAY and not frame.from_client
        ]
