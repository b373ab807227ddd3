"""Clients in Python, for what wrk cannot do: look into streams, and gRPC. Each prints one JSON object.

`rest`: requests one after the other on some connections, where there is no wrk. `first`: streams, and the time to the
first word. `spaced`: streams of the `spaced` model, and how late each chunk is. `idle`: opens streams and holds them.
`grpc`, `grpc-stream`: typed calls. All but `grpc` are bare asyncio protocols, about 50 µs a request.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
from typing_extensions import override

_STAMP = re.compile(rb'"content":" (\d{10,})"')


class Connection(asyncio.Protocol):
    """An HTTP/1.1 connection.

    Attributes:
        first: When the first word of a streamed answer came, by `perf_counter`.
        late: Nanoseconds from the writing of each chunk that says when that was, to its coming.
    """

    def __init__(self) -> None:
        self.first = 0.0
        self.late: list[int] = []
        self._received = bytearray()
        self._answered: asyncio.Future[None] | None = None
        self._begun: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self._answered, self._begun):
            if waiting and not waiting.done():
                waiting.set_exception(exc or ConnectionError("closed"))

    @override
    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.late += [now - int(stamp) for stamp in _STAMP.findall(data)]
        if not self.first and (b'"content":" ' in data):
            self.first = time.perf_counter()
            if self._begun and not self._begun.done():
                self._begun.set_result(None)
        self._received += data
        if self._answered is None or self._answered.done() or not self._is_whole():
            return
        if self._received.startswith(b"HTTP/1.1 200"):
            self._answered.set_result(None)
        else:
            self._answered.set_exception(ValueError(bytes(self._received[:500])))
        self._received.clear()

    def _is_whole(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = self._received.find(b"content-length: ", 0, end)
        if length < 0:
            return self._received.endswith(b"\r\n0\r\n\r\n")
        return len(self._received) >= end + 4 + int(self._received[length + 16 : self._received.find(b"\r\n", length)])

    async def ask(self, request: bytes) -> None:
        """Sends a request and waits for the whole answer; raises ValueError if it is not a success."""
        self.first, self._answered = 0.0, asyncio.get_running_loop().create_future()
        self._write(request)
        await self._answered

    async def begin(self, request: bytes) -> None:
        """Sends a request and waits for the first word of the answer."""
        self._begun = asyncio.get_running_loop().create_future()
        self._write(request)
        await self._begun

    def _write(self, request: bytes) -> None:
        if self._transport is None:
            raise ConnectionError("not connected")
        self._transport.write(request)


async def _connect(url: str, count: int) -> list[Connection]:
    place = urlsplit(url)
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, place.hostname, place.port))[1] for _ in range(count)]


def _request(url: str, data: bytes) -> bytes:
    lines = [f"{'POST' if data else 'GET'} {urlsplit(url).path} HTTP/1.1", f"host: {urlsplit(url).netloc}"]
    lines += [f"{name}: {value}" for name, value in json.loads(os.environ["BENCH_HEADERS"]).items()]
    lines += ["content-type: application/json", f"content-length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


async def rest(url: str, file: str, connections: str, seconds: str) -> dict[str, Any]:
    """Keeps connections busy."""
    request = _request(url, Path(file).read_bytes())
    clients = await _connect(url, int(connections))
    return await _keep_busy([lambda each=each: each.ask(request) for each in clients], float(seconds))


async def first(url: str, file: str, count: str) -> dict[str, Any]:
    """Asks for one stream after the other and times their first words."""
    request = _request(url, Path(file).read_bytes())
    (connection,) = await _connect(url, 1)
    waits = []
    for _ in range(int(count)):
        asked = time.perf_counter()
        await connection.ask(request)
        waits.append((connection.first - asked) * 1e3)
    return {"units": len(waits), "first_p50_ms": _share(waits, 0.5), "first_p99_ms": _share(waits, 0.99)}


async def spaced(url: str, file: str, connections: str, seconds: str) -> dict[str, Any]:
    """Keeps connections busy with streams whose chunks say when they were written; `units` are those chunks."""
    request = _request(url, Path(file).read_bytes())
    clients = await _connect(url, int(connections))
    result = await _keep_busy([lambda each=each: each.ask(request) for each in clients], float(seconds))
    late = [each / 1e6 for connection in clients for each in connection.late]
    per_second = len(late) / result["seconds"]
    return {
        "units": len(late),
        "chunks_per_second": round(per_second, 1),
        "late_p50_ms": _share(late, 0.5),
        "late_p99_ms": _share(late, 0.99),
        "client_cpu_us": round(result["client_cpu_us"] * result["requests"] / len(late), 1),
    }


async def idle(url: str, file: str, count: str) -> None:
    """Opens streams, says so, and holds them until its input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    request = _request(url, Path(file).read_bytes())
    clients = await _connect(url, int(count))
    await asyncio.gather(*(each.begin(request) for each in clients))
    print(json.dumps({"units": len(clients)}), flush=True)
    await asyncio.to_thread(sys.stdin.read)


async def grpc(port: str, file: str, callers: str, seconds: str) -> dict[str, Any]:
    """Keeps typed unary calls under way."""
    return await _typed(port, file, int(callers), float(seconds), stream=False)


async def grpc_stream(port: str, file: str, callers: str, seconds: str) -> dict[str, Any]:
    """Keeps typed streams under way."""
    return await _typed(port, file, int(callers), float(seconds), stream=True)


async def _typed(port: str, file: str, callers: int, seconds: float, *, stream: bool) -> dict[str, Any]:
    from grpc import aio

    from arouter.v1 import chat_message_pb2, chat_service_pb2, chat_service_pb2_grpc

    fields = json.loads(Path(file).read_bytes())
    messages = [
        chat_message_pb2.ChatMessage(role=f"ROLE_{each['role'].upper()}", content=each["content"])
        for each in fields["messages"]
    ]
    request = chat_service_pb2.ChatCompletionRequest(model=fields["model"], messages=messages)
    metadata = tuple(json.loads(os.environ["BENCH_HEADERS"]).items())
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(min(4, callers))]
    stubs = [chat_service_pb2_grpc.ChatServiceStub(channel) for channel in channels]

    async def unary(stub: Any) -> None:
        await stub.ChatCompletion(request, metadata=metadata)

    async def streamed(stub: Any) -> None:
        async for _ in stub.StreamChatCompletion(request, metadata=metadata):
            pass

    call = streamed if stream else unary
    return await _keep_busy([lambda n=n: call(stubs[n % len(stubs)]) for n in range(callers)], seconds)


async def _keep_busy(clients: list[Any], seconds: float) -> dict[str, Any]:
    latencies: list[float] = []
    started, cpu = time.perf_counter(), time.process_time()

    async def work(ask: Any) -> None:
        while (before := time.perf_counter()) - started < seconds:
            await ask()
            latencies.append((time.perf_counter() - before) * 1e3)

    await asyncio.gather(*(work(ask) for ask in clients))
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {
        "requests": len(latencies),
        "units": len(latencies),
        "seconds": elapsed,
        "per_second": round(len(latencies) / elapsed, 1),
        "p50_ms": _share(latencies, 0.5),
        "p99_ms": _share(latencies, 0.99),
        "client_cpu_us": round(cpu / len(latencies) * 1e6, 1),
    }


def _share(values: list[float], share: float) -> float:
    """Returns the value that this share of the values does not exceed."""
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 3)


_COMMANDS: dict[str, Callable[..., Awaitable[dict[str, Any] | None]]] = {
    "rest": rest,
    "first": first,
    "spaced": spaced,
    "idle": idle,
    "grpc": grpc,
    "grpc-stream": grpc_stream,
}

if __name__ == "__main__":
    measured = uvloop.run(_COMMANDS[sys.argv[1]](*sys.argv[2:]))
    if measured:
        print(json.dumps(measured))
