"""Ends each call that fails with the status of its error, so that handlers need only raise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc import aio

from arouter.errors import ARouterError, without_traceback
from arouter.rpc.context import Context, Handler
from arouter.rpc.status import abort, known

Handle = Callable[[Any, Context], Awaitable[Any]]
"""Serves one call: takes the iterator of its messages."""


def ending(serve: Handle) -> Handle:
    """Returns `serve` so that what it raises becomes the status of the call.

    A call that fails leaves nothing behind for the garbage collector. grpc.aio keeps the exception that ends a call,
    and exceptions keep frames: of what they passed through, with the request in it. So the frames are let go first, and
    the frame that remains holds nothing.
    """

    async def handle(messages: Any, context: Context) -> Any:
        try:
            return await serve(messages, context)
        except aio.AbortError as raised:
            without_traceback(raised)
            del messages, context
            raise
        except asyncio.CancelledError as raised:
            without_traceback(raised)
            raise
        except Exception as raised:
            error = known(raised)
            without_traceback(raised)
            without_traceback(error)
        try:
            await abort(context, error)
        finally:
            del messages, context, error

    return handle


def refusing(error: ARouterError) -> Handle:
    """Returns what ends a call with an error, whatever its messages are, before they have arrived."""
    without_traceback(error)

    async def refuse(_messages: Any, context: Context) -> None:
        try:
            await abort(context, error)
        finally:
            del _messages, context

    return refuse


def handler_of(handle: Handle, handler: Handler, request_deserializer: Callable[[bytes], Any] | None = None) -> Handler:
    """Returns the handler with `handle` in it, for a stream of messages; without a deserializer, of bytes."""
    make = grpc.stream_stream_rpc_method_handler if handler.response_streaming else grpc.stream_unary_rpc_method_handler
    return make(handle, request_deserializer, handler.response_serializer)
