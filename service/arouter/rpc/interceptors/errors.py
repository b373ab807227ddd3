"""Converts exceptions of handlers to the status of their calls, so that handlers need only raise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc
from grpc import aio

from arouter.errors import NOT_BEGUN, ARouterError, without_traceback
from arouter.rpc.context import Context, Handler
from arouter.rpc.envelopes import Envelope
from arouter.rpc.status import abort, as_arouter_error

Handle = Callable[[Any, Context], Awaitable[Any]]
"""Serves one call. Its first argument is the iterator of request messages."""

_MAX_AWAITED = 64
"""Maximum number of rejected calls whose message is awaited: each may hold a message of the maximum size."""

_AWAIT_TIMEOUT = 5.0
"""Seconds for which the message of such a call is awaited."""

_awaited = asyncio.Semaphore(_MAX_AWAITED)


def with_error_status(serve: Handle, envelope: Envelope) -> Handle:
    """Wraps `serve` so that an exception becomes the status of the call, with `envelope` for REST.

    Failed calls must leave no reference cycles. grpc.aio keeps the exception that ends a call, and its traceback
    references frames that contain the request. Therefore tracebacks are cleared, and the remaining frame is empty.
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
            error = as_arouter_error(raised)
            without_traceback(raised)
            without_traceback(error)
        try:
            await _end(context, error, envelope)
        finally:
            del messages, context, error

    return handle


def reject_handler(error: ARouterError, envelope: Envelope) -> Handler:
    """Returns a handler that rejects a call with `error`, before any message has arrived."""
    without_traceback(error)

    async def reject(_messages: Any, context: Context) -> None:
        try:
            await _end(context, error, envelope)
        finally:
            del _messages, context

    return grpc.stream_stream_rpc_method_handler(reject)


async def _end(context: Context, error: ARouterError, envelope: Envelope) -> None:
    try:
        if NOT_BEGUN in error.headers and not _awaited.locked():
            # Envoy retries a request at another service only after it has received all of it.
            async with _awaited:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AWAIT_TIMEOUT):
                        await context.read()
        await abort(context, error, envelope(error))
    finally:
        del context, error


def stream_handler(
    handle: Handle, handler: Handler, request_deserializer: Callable[[bytes], Any] | None = None
) -> Handler:
    """Returns `handler` with `handle` as its function and a request stream; of bytes without a deserializer."""
    make = grpc.stream_stream_rpc_method_handler if handler.response_streaming else grpc.stream_unary_rpc_method_handler
    return make(handle, request_deserializer, handler.response_serializer)
