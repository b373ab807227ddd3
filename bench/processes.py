"""Starts processes, waits until they answer, and reads what they have used."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

_START_LIMIT = 120.0
_STOP_LIMIT = 20.0
_PAUSE = 0.05
"""Seconds between two questions to another process, which has no way to tell us."""


class StartError(RuntimeError):
    """A process does not come up. The message says why, as far as it has printed that."""


@contextmanager
def process(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[psutil.Process]:
    """Runs a command, with its output in a file; ends it and its children in the end."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, env=plain_environment() | dict(environment or {}), cwd=cwd, stdout=output, stderr=output
        )
    running = psutil.Process(child.pid)
    family = [running]
    try:
        yield running
        family += running.children(recursive=True)
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for left in family:
            if left.is_running() and left.pid != child.pid:
                left.kill()


def wait_for(url: str, running: psutil.Process, log: Path, headers: Mapping[str, str] | None = None) -> None:
    """Waits until a URL answers with 200.

    Raises:
        StartError: It does not, or the process has ended.
    """
    deadline = time.monotonic() + _START_LIMIT
    request = urllib.request.Request(url, headers=dict(headers or {}))
    while time.monotonic() < deadline and running.is_running() and running.status() != psutil.STATUS_ZOMBIE:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.HTTPError):
            pass
        time.sleep(_PAUSE)
    raise StartError(f"{url} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def provider(*certificate: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Runs the emulated provider, with TLS if it has a certificate and a key; yields its port and its process."""
    command = [sys.executable, "-m", "bench.provider", *certificate]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=plain_environment()) as child:
        if child.stdin is None or child.stdout is None:
            raise StartError("a provider without pipes")
        try:
            yield int(child.stdout.readline()), psutil.Process(child.pid)
        finally:
            child.stdin.close()


def cpu(processes: Sequence[psutil.Process]) -> float:
    """Returns the seconds of processor time that processes and their children have used."""
    total = 0.0
    for each in processes:
        for member in (each, *each.children(recursive=True)):
            times = member.cpu_times()
            total += times.user + times.system
    return total


def thread_cpu(processes: Sequence[psutil.Process]) -> dict[str, float]:
    """Returns the seconds of processor time by kind of thread, of processes and their children.

    `loop` are the main threads, which have the event loops, `engine` those of gRPC's event engine, and `other` are the
    rest: gRPC's poller, the database's threads, the resolver's.
    """
    found = dict.fromkeys(("loop", "engine", "other"), 0.0)
    for each in processes:
        for member in (each, *each.children(recursive=True)):
            for thread in member.threads():
                name = Path(f"/proc/{member.pid}/task/{thread.id}/comm").read_text().strip()
                kind = "loop" if thread.id == member.pid else "engine" if name == "event_engine" else "other"
                found[kind] += thread.user_time + thread.system_time
    return found


def memory(processes: Sequence[psutil.Process]) -> float:
    """Returns the resident megabytes of processes and their children."""
    members = [member for each in processes for member in (each, *each.children(recursive=True))]
    return sum(member.memory_info().rss for member in members) / 1e6


def plain_environment() -> dict[str, str]:
    """Returns what a child needs of our environment, without keys that would switch providers on."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def free_ports(count: int) -> list[int]:
    """Returns ports on which no process listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
