"""One `arouter` command as a real process: started, watched, stopped, and looked after for what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from support.ports import is_listening

AROUTER = Path(sys.executable).with_name("arouter")
START_LIMIT = 60.0
STOP_LIMIT = 20.0
POLL = 0.02
_LOOK = 1.0
"""Seconds between two looks at what a process has started, each of which reads the state of every process."""

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


class Process:
    """A running `arouter` command.

    Its output goes into `stdout.log` and `stderr.log` in `folder`; the latter is the log of all parts.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        folder: Path,
        command: tuple[str, ...] = (str(AROUTER),),
    ) -> None:
        self._stdout = folder / "stdout.log"
        self._stderr = folder / "stderr.log"
        inherited = os.environ
        kept = {name: inherited[name] for name in _INHERITED if name in inherited}
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._popen = subprocess.Popen(
                [*command, *arguments],
                env={**kept, "PYTHONUNBUFFERED": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        self._children: dict[int, psutil.Process] = {}

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    @property
    def printed(self) -> str:
        """What it has told its user so far."""
        return self._stdout.read_text("utf-8", "replace")

    @property
    def log(self) -> str:
        """What it and its parts have logged so far."""
        return self._stderr.read_text("utf-8", "replace")

    def children(self) -> list[psutil.Process]:
        """Returns the living processes below it."""
        found = []
        if self.returncode is None:
            found = psutil.Process(self.pid).children(recursive=True)
        self._children.update({child.pid: child for child in found})
        return found

    def wait_until(self, ready: Callable[[], bool], what: str, limit: float = START_LIMIT) -> None:
        """Asks again and again until `ready`; fails when the process ends or the time is up."""
        deadline, looked = time.monotonic() + limit, 0.0
        while not ready():
            if time.monotonic() - looked > _LOOK:
                self.children()
                looked = time.monotonic()
            assert self.returncode is None, f"ended with {self.returncode} before {what}:\n{self.log}"
            assert time.monotonic() < deadline, f"not {what} after {limit} s:\n{self.log}"
            time.sleep(POLL)  # Between questions to another process, which has no way to tell us.
        self.children()

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the command alone, as a supervisor does."""
        self._popen.send_signal(number)

    def wait(self, timeout: float = STOP_LIMIT) -> int:
        """Waits for its end and returns the exit code."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s:\n{self.log}") from None

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stops it as a person or a supervisor would and returns the exit code."""
        self.children()
        if self.returncode is None:
            self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Ends it and all below it, whatever state they are in: the last resort of a fixture."""
        for process in [*self.children(), *self._children.values()]:
            if process.is_running():
                process.kill()
        if self.returncode is None:
            self._popen.kill()
            self._popen.wait()

    def survivors(self) -> list[str]:
        """Returns the processes it has started and left behind."""
        return [str(child) for child in self._children.values() if child.is_running() and child.status() != "zombie"]


def assert_gone(process: Process, ports: list[int]) -> None:
    """Checks that a stopped command has left no process and no port behind."""
    assert process.survivors() == []
    assert [port for port in ports if is_listening(port)] == []
