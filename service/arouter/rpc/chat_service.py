"""Implements `arouter.v1.ChatService`: OpenAI's JSON and the typed equivalents, on the same pipeline."""

from __future__ import annotations

import orjson
from google.api import httpbody_pb2
from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.request import parse_chat_request
from arouter.errors import ARouterError, invalid_request
from arouter.rpc.access import Access, requires
from arouter.rpc.answer_headers import answer_headers
from arouter.rpc.calls import ChatCalls
from arouter.rpc.context import Context, send_headers, write
from arouter.rpc.event_stream import EventStream
from arouter.rpc.json_body import answer_body
from arouter.rpc.opening import Opening
from arouter.rpc.typed.chunk import chunk_to_proto
from arouter.rpc.typed.paths import typed_path
from arouter.rpc.typed.request import typed_chat
from arouter.rpc.typed.response import completion_to_proto
from arouter.rpc.typed.route import taken_route
from arouter.v1 import chat_service_pb2, chat_service_pb2_grpc
from arouter.v1.route_pb2 import RouteTrace

_END = b"data: [DONE]\n\n"


class ChatService(chat_service_pb2_grpc.ChatServiceServicer):
    """Serves chat completions.

    Streams are written, not yielded: grpc.aio does not close the generator of a client that has disconnected, so the
    provider call would stay open until garbage collection.

    Args:
        calls: Opens calls.
    """

    def __init__(self, calls: ChatCalls) -> None:
        self._calls = calls

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CreateChatCompletion(  # type: ignore[override]
        self, request: chat_service_pb2.CreateChatCompletionRequest, context: Context
    ) -> None:
        body = request.http_body.data
        del request  # Free each form of a large request as soon as the next one exists.
        chat = parse_chat_request(body)
        del body
        call = self._calls.answer(chat, context)
        if chat.stream:
            events = EventStream(context, self._calls.keep_alive)
            await events.serve(call, _encode_with_usage if chat.include_usage else _encode, _end, _fail)
        else:
            async with call as answer:
                document = answer_body(answer.completion)
                await send_headers(context, answer_headers(answer))
            await write(context, document)

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def CreateUnaryChatCompletion(
        self, request: chat_service_pb2.CreateChatCompletionRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        body = request.http_body.data
        del request  # Free each form of a large request as soon as the next one exists.
        chat = parse_chat_request(body)
        del body
        if chat.stream:
            raise invalid_request("CreateUnaryChatCompletion does not stream: call CreateChatCompletion.", "stream")
        async with self._calls.answer(chat, context) as answer:
            context.set_trailing_metadata(answer_headers(answer))
            return answer_body(answer.completion)

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def ChatCompletion(
        self, request: chat_service_pb2.ChatCompletionRequest, context: Context
    ) -> chat_service_pb2.ChatCompletionResponse:
        try:
            chat = typed_chat(request, stream=False)
            del request
            async with self._calls.answer(chat, context) as answer:
                response = completion_to_proto(answer.completion)
                response.route.CopyFrom(taken_route(answer.record))
                context.set_trailing_metadata(answer_headers(answer))
                return response
        except ARouterError as error:
            error.rename_param(typed_path)
            raise

    @requires(Access.REGULAR_KEY, is_counted=True)
    @override
    async def StreamChatCompletion(  # type: ignore[override]
        self, request: chat_service_pb2.ChatCompletionRequest, context: Context
    ) -> None:
        opening = Opening(context)
        try:
            chat = typed_chat(request, stream=True)
            del request
            async with self._calls.answer(chat, context) as answer:
                await opening.open(answer_headers(answer))
                route: RouteTrace | None = taken_route(answer.record)
                while not answer.complete:
                    arrival = answer.arrival()
                    if arrival is not None:
                        await arrival
                    for chunk in answer.take():
                        piece = chunk_to_proto(chunk)
                        if route is not None:
                            piece.route.CopyFrom(route)
                            route = None
                        await write(context, piece)
        except ARouterError as error:
            error.rename_param(typed_path)
            raise
        finally:
            await opening.close()


def _end() -> bytes:
    return _END


def _fail(error: ARouterError) -> bytes:
    return b"data: %b\n\n" % error.json()


def _encode(chunks: list[Chunk]) -> bytes:
    """Returns the events of chunks for a client that did not request usage."""
    if len(chunks) == 1:
        return b"data: %b\n\n" % orjson.dumps(chunks[0]) if chunks[0]["choices"] else b""
    return b"".join([b"data: %b\n\n" % orjson.dumps(chunk) for chunk in chunks if chunk["choices"]])


def _encode_with_usage(chunks: list[Chunk]) -> bytes:
    """Returns the events of chunks, each with `usage`, which is null on all but the last (as in OpenAI's API)."""
    return b"".join([b"data: %b\n\n" % orjson.dumps({"usage": None, **chunk}) for chunk in chunks])
