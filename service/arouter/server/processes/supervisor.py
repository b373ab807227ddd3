"""Runs several workers on one port and replaces those that die or hang."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from arouter.config.environment import Environment
from arouter.config.load import ConfigError, read_file
from arouter.config.schema import Config
from arouter.server.logs import configure_logs
from arouter.server.processes.children import Child, stop_timeout
from arouter.server.processes.heartbeat import TIMEOUT
from arouter.server.processes.hung import kill_hung
from arouter.server.processes.signals import handle_signals

if TYPE_CHECKING:
    from arouter.telemetry.workers import WorkerFiles

_SETTLED = 10.0
"""A worker that exits within this many seconds of its start is considered unable to run."""

_PAUSE = 1.0
"""Seconds before a worker is replaced, to limit the rate of restarts."""


_log = logging.getLogger(__name__)


def run_workers(count: int, config: Config, environment: Environment) -> None:
    """Runs `count` workers until SIGTERM or SIGINT. Forwards these signals and SIGHUP to them.

    Exports the combined metrics of all workers.

    Args:
        count: The number of workers.
        config: The configuration. Each worker loads it itself.
        environment: The environment of this process and of the workers.

    Raises:
        ConfigError: A worker exited right after its start, before any has served; or the metrics port cannot be bound.
    """
    configure_logs(environment.log_format, environment.log_level)
    if count > 1 and environment.redis_url is None:
        _log.warning("each of the %d workers counts limits separately: AROUTER_REDIS_URL is not set", count)
    supervisor = _Supervisor(count, config, environment)
    if environment.metrics_port is None:
        asyncio.run(supervisor.run())
    else:
        with closing(supervisor.show_metrics(environment.listen_address, environment.metrics_port)):
            asyncio.run(supervisor.run())


class _Supervisor:
    def __init__(self, count: int, config: Config, environment: Environment) -> None:
        self._count = count
        self._config = config
        self._environment = environment
        # The workers' stderr is a pipe, whatever ours is.
        self._variables = {**environment.variables, "AROUTER_LOG_FORMAT": environment.log_format}
        self._files: WorkerFiles | None = None
        self._stop = asyncio.Event()
        self._children: set[Child] = set()
        # The configuration of new workers: the file may meanwhile contain one that the others have rejected.
        self._text = "" if environment.config_path is None else read_file(environment.config_path)
        self._has_served = False

    def show_metrics(self, address: str, port: int) -> WorkerFiles:
        """Opens the metrics port; returns the files in which workers started from now on count.

        Raises:
            ConfigError: The port cannot be bound.
        """
        # Imported only if needed.
        from arouter.server.metrics_port import open_metrics_port
        from arouter.telemetry.workers import WorkerFiles

        self._files = WorkerFiles()
        self._variables |= self._files.variables
        open_metrics_port(address, port, self._files, self._pids)
        return self._files

    def _pids(self) -> dict[str, int]:
        return {"supervisor": os.getpid(), **{child.name: child.pid for child in tuple(self._children)}}

    async def run(self) -> None:
        handle_signals(self._on_stop, self._on_reload)
        workers = [asyncio.create_task(self._keep(index)) for index in range(self._count)]
        stopping = asyncio.create_task(self._stop.wait())
        watching = asyncio.create_task(kill_hung(self._children, _report_hung))
        done, _ = await asyncio.wait({*workers, stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        watching.cancel()
        timeout = stop_timeout(self._config, self._environment, self._text)
        await asyncio.gather(*(child.stop(timeout) for child in self._children))
        await asyncio.gather(*workers, watching, return_exceptions=True)
        for task in done - {stopping}:
            task.result()

    def _on_stop(self) -> None:
        if self._stop.is_set():
            for child in self._children:
                child.signal(signal.SIGTERM)
        self._stop.set()

    def _on_reload(self) -> None:
        for child in self._children:
            child.signal(signal.SIGHUP)

    def _on_text(self, text: str) -> None:
        self._text = text

    async def _keep(self, index: int) -> None:
        """Keeps worker `index` running: starts a new process whenever it dies."""
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            started = loop.time()
            child = await Child.start(
                f"worker {index}",
                [sys.executable, "-m", "arouter", "worker"],
                self._variables,
                _print_line,
                text=self._text,
                on_text=self._on_text,
            )
            self._children.add(child)
            status = await child.wait()
            self._children.discard(child)
            self._has_served = self._has_served or child.heartbeat.has_started
            if self._files is not None:
                self._files.retire(child.pid)
            if self._stop.is_set():
                return
            if status >= 0 and not self._has_served and loop.time() - started < _SETTLED:
                last = "\n".join(child.last_lines)
                raise ConfigError(f"{child.name} exited with status {status} right after its start:\n{last}")
            _log.warning("%s exited with status %d and is replaced", child.name, status)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE):
                    await self._stop.wait()


def _report_hung(child: Child, killed: bool, stacks: list[str]) -> None:
    fields = {"worker_pid": child.pid, "stacks": stacks}
    if killed:
        _log.error("%s has not responded for %.0f s and is killed", child.name, TIMEOUT, extra={"fields": fields})
    else:
        _log.warning("%s did not respond for %.0f s but has recovered", child.name, TIMEOUT, extra={"fields": fields})


def _print_line(_name: str, line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
