"""The measurements. Each returns figures by name; all that is under load at one time is one target."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.v1 import chat_message_pb2, chat_service_pb2
from bench.load import HAS_H2LOAD, body, client, costs, grpc_load, load, median
from bench.processes import free_ports, memory, plain_environment, process
from bench.provider import CHUNKS
from bench.targets import AROUTER, Target

Figures = dict[str, Any]

CONNECTIONS = (16, 64)
SPACED_CONNECTIONS = 32
"""Sixteen streams with a chunk every 5 ms are 3,200 chunks a second: too few to find a limit of 5,000."""

IDLE_STREAMS = 1000
_UNARY = "arouter.v1.ChatService/ChatCompletion"

_WARM_UP = 4
"""Seconds. Some need one for their first answer."""


def compared(targets: Sequence[Target], rounds: int, seconds: int) -> dict[str, Figures]:
    """Returns what whole answers cost with each target, one after the other in each round.

    By target: `c16`, `c64` and `c1` (its latencies are what a target adds to those of the provider itself), as `load`
    returns it, medians of the rounds; and `memory_mb` before and after.
    """
    started = {target.name: _memory(target) for target in targets}
    for target in targets:
        load(target, 16, _WARM_UP, body(target.model))
    measured: dict[str, dict[str, list[Figures]]] = {target.name: {} for target in targets}
    for number in range(rounds):
        for target in targets:
            print(f"  round {number + 1}: {target.name}", flush=True)
            for connections in (*CONNECTIONS, 1):
                result = load(target, connections, seconds, body(target.model))
                measured[target.name].setdefault(f"c{connections}", []).append(result)
    return {
        target.name: {name: median(results) for name, results in measured[target.name].items()}
        | {"memory_mb": {"started": started[target.name], "after": _memory(target)}}
        for target in targets
    }


def streams(targets: Sequence[Target], rounds: int, seconds: int) -> dict[str, Figures]:
    """Returns what streams cost: `back_to_back`, each chunk of sixteen at a time, and the time to the `first` word."""
    measured: dict[str, dict[str, list[Figures]]] = {target.name: {} for target in targets}
    for _ in range(rounds):
        for target in targets:
            print(f"  {target.name}", flush=True)
            result = load(target, 16, seconds, body(target.model, stream=True))
            chunked = {name: round(value / CHUNKS, 2) for name, value in result.items() if name.endswith("_cpu_us")}
            chunked["chunks_per_second"] = round(result["per_second"] * CHUNKS, 1)
            measured[target.name].setdefault("back_to_back", []).append(chunked)
            with written(body(target.model, stream=True)) as file:
                first = client("first", target.url, file, 200, headers=target.headers)
            measured[target.name].setdefault("first", []).append(first)
    return {name: {kind: median(results) for kind, results in kinds.items()} for name, kinds in measured.items()}


def spaced(targets: Sequence[Target], rounds: int, seconds: int) -> dict[str, Figures]:
    """Returns what chunks cost that come alone, and how late they are: `many` streams at a time, and a `single` one."""
    measured: dict[str, dict[str, list[Figures]]] = {target.name: {} for target in targets}
    for _ in range(rounds):
        for target in targets:
            data = body(target.model.removesuffix("bench") + "spaced", stream=True)
            with written(data) as file:
                for kind, connections in (("many", SPACED_CONNECTIONS), ("single", 1)):
                    result = costs(target, "spaced", target.url, file, connections, seconds)
                    measured[target.name].setdefault(kind, []).append(result)
    return {name: {kind: median(results) for kind, results in kinds.items()} for name, kinds in measured.items()}


def bodies(target: Target, seconds: int) -> dict[str, Figures]:
    """Returns what requests of several sizes cost, by their kilobytes."""
    sizes = (0, 8, 64, 256, 1024)
    return {str(size or 0.5): load(target, 16, seconds, body(target.model, size=size * 1024)) for size in sizes}


def typed(target: Target, rounds: int, seconds: int) -> dict[str, Figures]:
    """Returns what typed calls cost, and what REST's do in the same rounds.

    `unary` and `stream`, sixteen at a time, with a client in Python, which costs more than the service. Where h2load is
    installed, `h2load` and `rest`, sixteen at a time and one after the other (`h2load_1`, `rest_1`).
    """
    measured: dict[str, list[Figures]] = {}
    data, message = body(target.model), typed_body(target.model)
    with written(data) as file:
        for _ in range(rounds):
            port = target.grpc_port or 0
            measured.setdefault("unary", []).append(costs(target, "grpc", port, file, 16, seconds))
            measured.setdefault("stream", []).append(costs(target, "grpc-stream", port, file, 16, seconds))
            for name, callers in (("", 16), ("_1", 1)) if HAS_H2LOAD else ():
                measured.setdefault(f"h2load{name}", []).append(grpc_load(target, _UNARY, callers, seconds, message))
                measured.setdefault(f"rest{name}", []).append(load(target, callers, seconds, data))
    return {kind: median(results) for kind, results in measured.items()}


def listing(target: Target, seconds: int) -> Figures:
    """Returns what a list of all its models costs."""
    return load(target, 16, seconds, None, f"{target.base_url}/models")


def idle_stream_kb(target: Target, count: int = IDLE_STREAMS) -> dict[str, float]:
    """Returns the kilobytes that an open stream takes on which nothing moves, by role."""
    before = {role: memory(running) for role, running in target.processes.items()}
    data = body(target.model.removesuffix("bench") + "waiting", stream=True)
    environment = plain_environment() | {"BENCH_HEADERS": json.dumps(dict(target.headers))}
    with written(data) as file:
        command = [sys.executable, "-m", "bench.clients", "idle", target.url, str(file), str(count)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as holder:
            if holder.stdin is None or holder.stdout is None or not holder.stdout.readline():
                raise RuntimeError("the streams did not open")
            after = {role: memory(running) for role, running in target.processes.items()}
            holder.stdin.close()
    return {role: round((after[role] - before[role]) * 1e3 / count, 2) for role in before}


def start_seconds(folder: Path, count: int) -> list[float]:
    """Returns for some starts of the service, of which the first makes its database, the seconds until SERVING."""
    found = []
    (folder / "arouter.yaml").write_text(
        "providers: [{id: bench, base_url: 'http://127.0.0.1:9/v1', models: [bench]}]\n"
    )
    for _ in range(count):
        (port,) = free_ports(1)
        environment = {
            "AROUTER_CONFIG": str(folder / "arouter.yaml"),
            "AROUTER_STATE_DIR": str(folder / "state"),
            "AROUTER_GRPC_PORT": str(port),
        }
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 20))
        options += (("grpc.min_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 20))
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            started = time.perf_counter()
            with process([AROUTER, "serve"], folder / "start.log", environment):
                watch = health_pb2_grpc.HealthStub(channel).Watch(
                    health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=60
                )
                while next(watch).status != health_pb2.HealthCheckResponse.SERVING:
                    pass
                found.append(round(time.perf_counter() - started, 3))
                watch.cancel()
    return found


def typed_body(model: str) -> bytes:
    """Returns the typed form of `body`."""
    fields = json.loads(body(model))
    messages = [
        chat_message_pb2.ChatMessage(role=f"ROLE_{each['role'].upper()}", content=each["content"])
        for each in fields["messages"]
    ]
    return chat_service_pb2.ChatCompletionRequest(model=model, messages=messages).SerializeToString()


@contextmanager
def written(data: bytes) -> Iterator[str]:
    """Yields the name of a file with these bytes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.name


def _memory(target: Target) -> dict[str, float]:
    return {role: round(memory(running), 1) for role, running in target.processes.items()}
