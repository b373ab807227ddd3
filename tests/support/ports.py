"""Loopback ports: free ones, refusing ones, ones that never answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Returns ports that nothing listens on; held together while choosing, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def is_listening(port: int) -> bool:
    """Says whether something accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


@contextmanager
def refusing_port() -> Iterator[int]:
    """Holds a port on which every connection is refused: bound, never listening."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield held.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """Holds a port on which a connection is never established: its queue of one is full."""
    with socket.socket() as held, ExitStack() as fillers:
        held.bind((HOST, 0))
        held.listen(0)
        for _ in range(3):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(held.getsockname())
        yield held.getsockname()[1]
