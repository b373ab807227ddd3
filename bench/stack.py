"""The processes that are measured: the emulated provider and `arouter up`, on free ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import psutil
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

KEY = "lr_live_bench"
_AROUTER = Path(sys.executable).with_name("arouter")
_START_LIMIT = 60.0


class Stack:
    """A running stack.

    Attributes:
        port: The gateway's.
        grpc_port: The service's.
        service: Its process.
        envoy: The gateway's process.
    """

    def __init__(self, pid: int, port: int, grpc_port: int) -> None:
        self.port = port
        self.grpc_port = grpc_port
        children = psutil.Process(pid).children(recursive=True)
        self.service = next(child for child in children if "serve" in child.cmdline())
        self.envoy = next(child for child in children if child.name() == "envoy")

    def load(self, door: str, *, stream: bool, clients: int, seconds: float) -> dict[str, Any]:
        """Puts load on one door and returns what it cost. `door` is `rest`, `grpc` or `grpc-envoy`."""
        port = self.grpc_port if door == "grpc" else self.port
        command = [sys.executable, "-m", "bench.load", door.removesuffix("-envoy"), "--port", str(port)]
        command += ["--clients", str(clients), *(["--stream"] if stream else [])]
        environment = {**_environment(), "AROUTER_DEV_KEY": KEY}
        subprocess.run([*command, "--seconds", "1"], env=environment, check=True, capture_output=True)  # warms up
        before = _cpu(self.service), _cpu(self.envoy)
        done = subprocess.run(
            [*command, "--seconds", str(seconds)], env=environment, check=True, stdout=subprocess.PIPE
        )
        after = _cpu(self.service), _cpu(self.envoy)
        result: dict[str, Any] = json.loads(done.stdout)
        for name, used in zip(("service", "envoy"), (b - a for a, b in zip(before, after, strict=True)), strict=True):
            result[f"{name}_cpu_us"] = round(used / result["requests"] * 1e6, 1)
        return result

    def memory(self) -> dict[str, float]:
        """Returns the resident memory of service and gateway, in MB."""
        return {
            "service_mb": round(self.service.memory_info().rss / 1e6, 1),
            "envoy_mb": round(self.envoy.memory_info().rss / 1e6, 1),
        }


@contextmanager
def running() -> Iterator[Stack]:
    """Runs the provider and `arouter up` until both are healthy; stops them in the end."""
    with provider() as provider_port, tempfile.TemporaryDirectory(prefix="arouter-bench-") as folder:
        port, grpc_port = _free_ports(2)
        with _arouter("up", Path(folder), provider_port, port, grpc_port) as process:
            deadline = time.monotonic() + _START_LIMIT
            while not _is_healthy(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((Path(folder) / "output.log").read_text())
                time.sleep(0.05)  # Between questions: another process, which has no way to tell us.
            yield Stack(process.pid, port, grpc_port)


def seconds_to_serving() -> float:
    """Starts the service alone and returns the time until its health check says SERVING."""
    with provider() as provider_port, tempfile.TemporaryDirectory(prefix="arouter-bench-") as folder:
        port, grpc_port = _free_ports(2)
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 20))
        options += (("grpc.min_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 20))
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=options) as channel:
            started = time.perf_counter()
            with _arouter("serve", Path(folder), provider_port, port, grpc_port):
                watch = health_pb2_grpc.HealthStub(channel).Watch(
                    health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=_START_LIMIT
                )
                while next(watch).status != health_pb2.HealthCheckResponse.SERVING:
                    pass
                elapsed = time.perf_counter() - started
                watch.cancel()
    return round(elapsed, 3)


@contextmanager
def provider() -> Iterator[int]:
    """Runs the emulated provider and yields its port."""
    command = [sys.executable, "-m", "bench.provider"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a provider without pipes")
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


@contextmanager
def _arouter(command: str, folder: Path, provider_port: int, port: int, grpc_port: int) -> Iterator[subprocess.Popen]:
    row = {"id": "bench", "protocol": "openai", "base_url": f"http://127.0.0.1:{provider_port}/v1"}
    config = {"providers": [row | {"api_keys": ["bench"], "models": ["bench"]}]}
    (folder / "arouter.yaml").write_text(yaml.safe_dump(config))
    environment = {
        **_environment(),
        "AROUTER_CONFIG": str(folder / "arouter.yaml"),
        "AROUTER_STATE_DIR": str(folder / "state"),
        "AROUTER_DEV_KEY": KEY,
        "AROUTER_PORT": str(port),
        "AROUTER_GRPC_PORT": str(grpc_port),
    }
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen([_AROUTER, command], env=environment, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            finally:
                process.kill()


def _environment() -> dict[str, str]:
    """Returns what a child needs of ours, without keys that would switch providers on."""
    ours = os.environ
    return {name: ours[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in ours}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _is_healthy(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
