"""Ends each call that fails with the status of its error, so that handlers need only raise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc
from grpc import aio

from arouter.errors import NOT_BEGUN, ARouterError, without_traceback
from arouter.rpc.context import Context, Handler
from arouter.rpc.status import abort, known

Handle = Callable[[Any, Context], Awaitable[Any]]
"""Serves one call: takes the iterator of its messages."""

_MAX_HELD = 64
"""Calls that have not begun and whose message is awaited at the same time: each may hold one of the largest size."""

_HOLD = 5.0
"""Seconds that the message of such a call is awaited."""

_held = asyncio.Semaphore(_MAX_HELD)


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
            await _end(context, error)
        finally:
            del messages, context, error

    return handle


def refusing(error: ARouterError) -> Handle:
    """Returns what ends a call with an error, whatever its messages are, before they have arrived."""
    without_traceback(error)

    async def refuse(_messages: Any, context: Context) -> None:
        try:
            await _end(context, error)
        finally:
            del _messages, context

    return refuse


async def _end(context: Context, error: ARouterError) -> None:
    try:
        if NOT_BEGUN in error.headers and not _held.locked():
            # Envoy sends a request to another service only once it has all of it.
            async with _held:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_HOLD):
                        await context.read()
        await abort(context, error)
    finally:
        del context, error


def handler_of(handle: Handle, handler: Handler, request_deserializer: Callable[[bytes], Any] | None = None) -> Handler:
    """Returns the handler with `handle` in it, for a stream of messages; without a deserializer, of bytes."""
    make = grpc.stream_stream_rpc_method_handler if handler.response_streaming else grpc.stream_unary_rpc_method_handler
    return make(handle, request_deserializer, handler.response_serializer)
