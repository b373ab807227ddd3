"""A gRPC server that only forwards: what `grpc.aio` and a provider's connection cost without any feature of ours.

It has the RPCs of chat and passes what the provider sends on. There are no keys, limits, plans, deadlines, retries and
records; a request that is not as the benchmark sends it, or a provider that fails, ends the call somehow.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httptools
import orjson
import uvloop
from google.api.httpbody_pb2 import HttpBody
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from typing_extensions import override

from arouter.v1 import chat_message_pb2
from arouter.v1 import chat_service_pb2 as chat

_END = b"data: [DONE]"
_ROLES = {chat_message_pb2.ROLE_SYSTEM: "system", chat_message_pb2.ROLE_USER: "user"}


class _Connection(asyncio.Protocol):
    """A connection to the provider, which has one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None
        self._transport: Any = None
        self._is_whole = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._is_whole = True

    def ask(self, request: bytes) -> None:
        """Sends a request."""
        self._is_whole = False
        self._transport.write(request)

    async def read(self) -> bytes:
        """Returns what has arrived of the answer's body, or nothing at its end."""
        while not self._pieces and not self._is_whole:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    async def read_all(self) -> bytes:
        """Returns the whole body."""
        while not self._is_whole:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return await self.read()


class _Provider:
    """The connections that wait for a request."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        self._port = port
        self._context = context
        self._head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: provider\r\ncontent-length: %d\r\n\r\n"
        self._idle: list[_Connection] = []

    async def ask(self, body: bytes) -> _Connection:
        """Sends a request; the connection must be given back."""
        if self._idle:
            connection = self._idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port, ssl=self._context)
        connection.ask(self._head % len(body) + body)
        return connection

    def give_back(self, connection: _Connection) -> None:
        """Keeps a connection whose answer has been read."""
        self._idle.append(connection)


class _Floor(grpc.GenericRpcHandler):
    """The methods."""

    def __init__(self, provider: _Provider) -> None:
        self._provider = provider
        rest, typed = chat.CreateChatCompletionRequest.FromString, chat.ChatCompletionRequest.FromString
        methods = {
            "CreateUnaryChatCompletion": _unary(self._rest, rest, HttpBody),
            "CreateChatCompletion": _stream(self._rest_stream, rest, HttpBody),
            "ChatCompletion": _unary(self._typed, typed, chat.ChatCompletionResponse),
            "StreamChatCompletion": _stream(self._typed_stream, typed, chat.StreamChatCompletionResponse),
        }
        self._methods = {f"/arouter.v1.ChatService/{name}": each for name, each in methods.items()}
        # The gateway asks whether a key is valid, once in half a minute.
        self._methods["/arouter.v1.KeyService/CheckKey"] = grpc.unary_unary_rpc_method_handler(_valid)

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._methods.get(handler_call_details.method)

    async def _rest(self, request: Any, _context: object) -> HttpBody:
        connection = await self._provider.ask(request.http_body.data)
        answer = HttpBody(content_type="application/json", data=await connection.read_all())
        self._provider.give_back(connection)
        return answer

    async def _rest_stream(self, request: Any, context: Any) -> None:
        connection = await self._provider.ask(request.http_body.data)
        while data := await connection.read():
            await context.write(HttpBody(content_type="text/event-stream", data=data))
        self._provider.give_back(connection)

    async def _typed(self, request: Any, _context: object) -> chat.ChatCompletionResponse:
        connection = await self._provider.ask(_json(request, stream=False))
        (choice,) = orjson.loads(await connection.read_all())["choices"]
        self._provider.give_back(connection)
        answer = chat.ChatCompletionResponse()
        answer.choices.add().message.content = choice["message"]["content"]
        return answer

    async def _typed_stream(self, request: Any, context: Any) -> None:
        connection = await self._provider.ask(_json(request, stream=True))
        while data := await connection.read():
            for event in data.rstrip().split(b"\n\n"):
                choices = [] if event == _END else orjson.loads(event.removeprefix(b"data: "))["choices"]
                if choices:
                    piece = chat.StreamChatCompletionResponse()
                    piece.choices.add().delta.content = choices[0]["delta"].get("content") or ""
                    await context.write(piece)
        self._provider.give_back(connection)


def _unary(handle: Callable[..., Awaitable[Any]], decode: Any, answer: Any) -> grpc.RpcMethodHandler[Any, Any]:
    return grpc.unary_unary_rpc_method_handler(handle, decode, answer.SerializeToString)


def _stream(handle: Callable[..., Awaitable[Any]], decode: Any, answer: Any) -> grpc.RpcMethodHandler[Any, Any]:
    return grpc.unary_stream_rpc_method_handler(handle, decode, answer.SerializeToString)


def _json(request: Any, *, stream: bool) -> bytes:
    messages = [{"role": _ROLES[each.role], "content": each.content} for each in request.messages]
    return orjson.dumps({"model": request.model, "messages": messages, **({"stream": True} if stream else {})})


async def _valid(_request: bytes, _context: object) -> bytes:
    return b""


async def _serve(port: int, provider_port: int, tls: int) -> None:
    context = ssl.create_default_context() if tls else None
    server = aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((_Floor(_Provider(provider_port, context)),))
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set("arouter.v1.ChatService", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(_serve(*map(int, sys.argv[1:])))
