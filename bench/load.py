"""Puts load on a target, with wrk where it is installed, and says what came of it and what it cost."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.processes import cpu, plain_environment
from bench.targets import Target

_SCRIPT = Path(__file__).with_name("chat.lua")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_QUESTION = "Tell me about foxes, dogs and what the former do to the latter. " * 4

GENERATOR = "wrk" if shutil.which("wrk") else "python"
"""What puts the load on: the one in Python takes a good part of a core itself."""


HAS_H2LOAD = shutil.which("h2load") is not None
"""Whether typed calls can be made by something that costs less than the service."""


def body(model: str, *, stream: bool = False, size: int = 0) -> bytes:
    """Returns a request of about half a kilobyte, or of `size` bytes."""
    system = {"role": "system", "content": "You are a helpful assistant."}
    fields = {"model": model, "messages": [system, {"role": "user", "content": _QUESTION}]}
    if stream:
        fields["stream"] = True
    data = json.dumps(fields, separators=(",", ":")).encode()
    more = max(size - len(data), 0)
    return data.replace(_QUESTION[:20].encode(), b"word " * (more // 5) + _QUESTION[:20].encode(), 1)


def agent_body(model: str, size: int = 200_000) -> bytes:
    """Returns the request of an agent in the midst of its work: tools, and the calls and results so far."""
    schema = {
        "type": "object",
        "properties": {"path": {"type": "string", "description": _QUESTION}},
        "required": ["path"],
    }
    tools = [
        {"type": "function", "function": {"name": f"tool_{number}", "description": _QUESTION, "parameters": schema}}
        for number in range(40)
    ]
    messages: list[dict[str, Any]] = [{"role": "system", "content": _QUESTION}, {"role": "user", "content": _QUESTION}]
    fields = {"model": model, "tools": tools, "messages": messages}
    most = (size - len(json.dumps(fields))) // len(json.dumps(_step(0)))
    for number in range(most):
        messages += _step(number)
    return json.dumps(fields, separators=(",", ":")).encode()


def _step(number: int) -> list[dict[str, Any]]:
    """Returns the messages of a tool's call."""
    function = {"name": f"tool_{number % 40}", "arguments": json.dumps({"path": f"src/{number}.py"})}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": _QUESTION * 4},
    ]


def load(target: Target, connections: int, seconds: int, data: bytes | None, url: str = "") -> dict[str, Any]:
    """Keeps connections busy for some seconds.

    Args:
        target: Of the load.
        connections: Each with one request open at any time.
        seconds: How long.
        data: To POST; None to GET.
        url: Where to, if not to chat completions.

    Returns:
        `requests`, `per_second`, `p50_ms`, `p99_ms`, and for each role of the target's processes `<role>_cpu_us`, the
        processor time of a request.

    Raises:
        RuntimeError: An answer was no success.
    """
    before = {role: cpu(running) for role, running in target.processes.items()}
    measure = _wrk if GENERATOR == "wrk" else _python
    result = measure(url or target.url, target.headers, connections, seconds, data, target.keys)
    for role, running in target.processes.items():
        result[f"{role}_cpu_us"] = round((cpu(running) - before[role]) / result["requests"] * 1e6, 1)
    return result


def grpc_load(target: Target, method: str, callers: int, seconds: int, message: bytes) -> dict[str, Any]:
    """Keeps gRPC calls under way with h2load, which looks at HTTP's status alone: try a call before.

    Args:
        target: Of the load.
        method: As `arouter.v1.ChatService/ChatCompletion`.
        callers: Calls at a time, over two connections, as many as the gateway has.
        seconds: How long.
        message: Each call's.

    Returns:
        As `load` does, without latencies.

    Raises:
        RuntimeError: An answer was no success.
    """
    before = {role: cpu(running) for role, running in target.processes.items()}
    with tempfile.NamedTemporaryFile() as file:
        file.write(struct.pack(">BI", 0, len(message)) + message)  # a gRPC message: not compressed, its length
        file.flush()
        connections = min(callers, 2)
        command = ["h2load", "-t1", f"-c{connections}", f"-m{callers // connections}", f"-D{seconds}", "-d", file.name]
        headers = {**target.headers, "content-type": "application/grpc", "te": "trailers"}
        command += [each for name, value in headers.items() for each in ("-H", f"{name}: {value}")]
        url = f"http://127.0.0.1:{target.grpc_port}/{method}"
        said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    found = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored", said)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", said)
    if found is None or rate is None or (int(found[2]), int(found[3])) != (0, 0):
        raise RuntimeError(f"{url}:\n{said}")
    result = {"requests": int(found[1]), "per_second": float(rate[1])}
    for role, running in target.processes.items():
        result[f"{role}_cpu_us"] = round((cpu(running) - before[role]) / result["requests"] * 1e6, 1)
    return result


def client(*arguments: str | int | float, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Runs `bench.clients` in a process of its own and returns what it has measured."""
    command = [sys.executable, "-m", "bench.clients", *map(str, arguments)]
    environment = plain_environment() | {"BENCH_HEADERS": json.dumps(dict(headers or {}))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def costs(target: Target, *arguments: str | int | float) -> dict[str, Any]:
    """Is `client`, with the processor time of each of the target's roles for each of its `units`."""
    before = {role: cpu(running) for role, running in target.processes.items()}
    result = client(*arguments, headers=target.headers)
    for role, running in target.processes.items():
        result[f"{role}_cpu_us"] = round((cpu(running) - before[role]) / result["units"] * 1e6, 1)
    return result


def _wrk(
    url: str, headers: Mapping[str, str], connections: int, seconds: int, data: bytes | None, keys: Sequence[str]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="arouter-bench-") as folder:
        file = Path(folder) / "body"
        if data is not None:
            file.write_bytes(data)
        lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "60s",
            "--latency",
            "-s",
            str(_SCRIPT),
            url,
        ]
        environment = os.environ | {"BENCH_BODY": str(file), "BENCH_HEADERS": lines, "BENCH_KEYS": "\n".join(keys)}
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{url}:\n{said}")
    found = re.search(r"(\d+) requests in .*?, ([\d.]+)(\w*B) read", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None or rate is None or found[1] == "0":
        raise RuntimeError(f"{url}:\n{said}")
    return {
        "requests": int(found[1]),
        "per_second": float(rate[1]),
        **{f"p{share}_ms": _latency(said, share) for share in (50, 99)},
    }


def _latency(said: str, share: int) -> float:
    found = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s|m)\s*$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(said)
    return round(float(found[1]) * _UNITS[found[2]], 3)


def _python(
    url: str, headers: Mapping[str, str], connections: int, seconds: int, data: bytes | None, keys: Sequence[str]
) -> dict[str, Any]:
    if keys:
        raise RuntimeError("requests with many keys need wrk")
    with tempfile.NamedTemporaryFile() as file:
        file.write(data or b"")
        file.flush()
        return client("rest", url, file.name, connections, seconds, headers=headers)


def median(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the median of each figure, and of `per_second` the least and the most."""
    middle = {name: sorted(each[name] for each in rounds)[len(rounds) // 2] for name in rounds[0]}
    rates = [each["per_second"] for each in rounds if "per_second" in each]
    return middle | ({"least": min(rates), "most": max(rates)} if rates else {})
