"""A load generator: a fixed number of connections, each with one request open at any time, for a fixed time.

Prints one JSON object. REST is a bare asyncio protocol (about 50 µs a request), gRPC is `grpc.aio` (about 300 µs, and
4,000 µs for a stream), which is a good part of a core: look at `client_cpu_us` before believing that a rate is the
service's own limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable

import uvloop
from typing_extensions import override

Request = Callable[[], Awaitable[None]]

_MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Tell me about foxes, dogs and what the former do to the latter. " * 4},
]


class RestConnection(asyncio.Protocol):
    """One HTTP/1.1 connection."""

    def __init__(self, request: bytes, stream: bool) -> None:
        self._request = request
        self._stream = stream
        self._received = bytearray()
        self._answered: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("closed"))

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_whole() or self._answered is None:
            return
        if not self._received.startswith(b"HTTP/1.1 200") or (self._stream and b"data: [DONE]" not in self._received):
            self._answered.set_exception(ValueError(bytes(self._received[:500])))
        else:
            self._answered.set_result(None)
        self._received.clear()

    def _is_whole(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = self._received.find(b"content-length: ", 0, end)
        if length < 0:
            return self._received.endswith(b"\r\n0\r\n\r\n")
        size = int(self._received[length + 16 : self._received.find(b"\r\n", length)])
        return len(self._received) >= end + 4 + size

    async def ask(self) -> None:
        """Sends the request and waits for the whole answer; raises ValueError if it is not a success."""
        if self._transport is None:
            raise ConnectionError("not connected")
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        await self._answered


async def rest_clients(port: int, key: str, model: str, stream: bool, count: int) -> list[Request]:
    """Opens `count` HTTP connections."""
    fields: dict[str, object] = {"model": model, "messages": _MESSAGES}
    body = json.dumps(fields | ({"stream": True} if stream else {})).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    connections = [
        await loop.create_connection(lambda: RestConnection(head.encode() + body, stream), "127.0.0.1", port)
        for _ in range(count)
    ]
    return [connection.ask for _, connection in connections]


async def grpc_clients(port: int, key: str, model: str, stream: bool, count: int) -> list[Request]:
    """Opens `count` callers on four channels."""
    import grpc

    from arouter.v1 import chat_message_pb2, chat_service_pb2, chat_service_pb2_grpc

    roles = (chat_message_pb2.ROLE_SYSTEM, chat_message_pb2.ROLE_USER)
    messages = [
        chat_message_pb2.ChatMessage(role=role, content=message["content"])
        for role, message in zip(roles, _MESSAGES, strict=True)
    ]
    request = chat_service_pb2.ChatCompletionRequest(model=model, messages=messages)
    metadata = (("authorization", f"Bearer {key}"),)
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(min(4, count))]
    stubs = [chat_service_pb2_grpc.ChatServiceStub(channel) for channel in channels]

    def caller(stub: chat_service_pb2_grpc.ChatServiceStub) -> Request:
        async def unary() -> None:
            await stub.ChatCompletion(request, metadata=metadata)

        async def streamed() -> None:
            async for _ in stub.StreamChatCompletion(request, metadata=metadata):
                pass

        return streamed if stream else unary

    return [caller(stubs[number % len(stubs)]) for number in range(count)]


async def run(requests: list[Request], seconds: float) -> dict[str, float]:
    """Keeps every client busy for `seconds` and returns what was measured."""
    latencies: list[float] = []
    clock = time.perf_counter
    started = clock()
    cpu = time.process_time()

    async def client(request: Request) -> None:
        while (before := clock()) - started < seconds:
            await request()
            latencies.append(clock() - before)

    await asyncio.gather(*(client(request) for request in requests))
    elapsed = clock() - started
    cpu = time.process_time() - cpu
    latencies.sort()

    def percentile(share: float) -> float:
        return round(latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000, 3)

    return {
        "requests": len(latencies),
        "per_second": round(len(latencies) / elapsed, 1),
        "p50_ms": percentile(0.5),
        "p99_ms": percentile(0.99),
        "client_cpu_us": round(cpu / len(latencies) * 1e6, 1),
    }


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("door", choices=["rest", "grpc"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="bench/bench")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    connect = {"rest": rest_clients, "grpc": grpc_clients}[options.door]
    key = os.environ["AROUTER_DEV_KEY"]
    requests = await connect(options.port, key, options.model, options.stream, options.clients)
    print(json.dumps(await run(requests, options.seconds)))


if __name__ == "__main__":
    uvloop.run(_main())
