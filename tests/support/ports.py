"""Loopback ports: free ones, refusing ones, ones that never answer."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

HOST = "127.0.0.1"


_FIRST, _BLOCK = 12000, 1000
"""Below the ports that the kernel takes for outgoing connections. Each process of pytest-xdist has its own block:
no other process takes a port between its choice and its use."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Another run on this machine begins elsewhere.
_candidates = (_FIRST + _worker * _BLOCK + number % _BLOCK for number in itertools.count(os.getpid()))


def free_ports(count: int) -> list[int]:
    """Returns ports that nothing listens on, and that are not given again soon."""
    return list(itertools.islice(filter(_is_free, _candidates), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


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
