"""Child processes."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from arouter.config.environment import Environment
from arouter.config.load import ConfigError, load_config, parse_config
from arouter.config.schema import Config
from arouter.server.processes.heartbeat import Heartbeat
from arouter.server.processes.link import STACK_SIGNAL, ParentLink

_LAST_LINES = 20
_MAX_STACK_LINES = 300
_PR_SET_PDEATHSIG = 1
_KILL_MARGIN = 5.0
_prctl = ctypes.CDLL(None).prctl
"""Loaded here, because between fork and exec nothing may be imported: another thread may hold the import lock."""


class Child:
    """A process whose output is forwarded line by line.

    Attributes:
        name: Its name in the output and in errors.
        last_lines: The end of its output.
        heartbeat: Its heartbeats; none without a link.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_line: Callable[[str, str], None]) -> None:
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.heartbeat = Heartbeat()
        self._process = process
        self._on_line = on_line
        self._stacks: list[str] | None = None
        self._link: asyncio.Task[None] | None = None
        self._first_line: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._output = asyncio.create_task(self._pass_on())

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_line: Callable[[str, str], None],
        *,
        text: str | None = None,
        on_text: Callable[[str], None] = lambda _: None,
    ) -> Child:
        """Starts a process in its own session.

        A terminal's Ctrl-C then reaches only this process, which stops its children in order.

        Args:
            name: See the attribute.
            command: Program and arguments.
            environment: All of its environment variables.
            on_line: Called with the name and each line of output.
            text: The initial configuration, sent over a link (`server/processes/link.py`). None: there is no link.
            on_text: Called with each configuration that the program applies later.

        Raises:
            OSError: The program cannot be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    env=dict(environment),
                    stdin=asyncio.subprocess.DEVNULL if text is None else theirs.fileno(),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_prepare,
                )
            except BaseException:
                ours.close()
                raise
        child = cls(name, process, on_line)
        if text is None:
            ours.close()
        else:
            link = ParentLink(ours, text, child.heartbeat)
            child._link = asyncio.create_task(link.follow(on_text))
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        return self._process.returncode

    async def first_line(self) -> str | None:
        """Returns the first line of output, or None if the process ends without one."""
        return await asyncio.shield(self._first_line)

    async def wait(self) -> int:
        """Waits for the end of the process and of its output; returns the exit status."""
        await asyncio.shield(self._output)
        status = await self._process.wait()
        if self._link is not None:
            self._link.cancel()
            await asyncio.wait({self._link})
        return status

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, if the process still runs."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, grace: float) -> int:
        """Stops the process with SIGTERM and, after `grace` seconds, SIGKILL; returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """Kills the process and its descendants with SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def dump_stacks(self, seconds: float) -> list[str]:
        """Makes a child with a link write its threads' stacks; returns the output lines of the next `seconds`."""
        lines: list[str] = []
        self._stacks = lines
        try:
            self.signal(STACK_SIGNAL)
            await asyncio.sleep(seconds)
        finally:
            self._stacks = None
        return lines

    async def _pass_on(self) -> None:
        stream = self._process.stdout
        if stream is None:
            raise ValueError("a child without a pipe")
        while True:
            try:
                raw = await stream.readline()
            except ValueError:
                continue  # The line exceeded the stream's limit; asyncio has dropped it.
            if not raw:
                break
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self.last_lines.append(line)
            if not self._first_line.done():
                self._first_line.set_result(line)
            if self._stacks is None:
                self._on_line(self.name, line)
            elif len(self._stacks) < _MAX_STACK_LINES:
                self._stacks.append(line)
        if not self._first_line.done():
            self._first_line.set_result(None)


def stop_timeout(config: Config, environment: Environment, text: str) -> float:
    """Returns how many seconds a service may drain before it is killed.

    Args:
        config: The configuration that it started with.
        environment: The environment of the process.
        text: The last configuration that it reported as applied, or empty. The current file is considered too, because
        it may have been applied since.
    """
    configs = [config]
    if text:
        configs.append(parse_config(text, environment.variables))
    with contextlib.suppress(ConfigError):
        configs.append(load_config(environment.config_path, environment.variables))
    return max(each.server.longest_stop for each in configs) + _KILL_MARGIN


def _prepare() -> None:
    """Runs in the child before its program."""
    # A SIGHUP that arrives before the program handles it must not terminate it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # The kernel sends SIGTERM when the parent dies, even by SIGKILL, so that no process is orphaned.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
