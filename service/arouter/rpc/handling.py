"""Ends every call that fails with the status of its error, so that handlers need only raise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio
from typing_extensions import override

from arouter.errors import ARouterError, invalid_request
from arouter.rpc.context import Context, Handler
from arouter.rpc.status import abort, known


class Handling(aio.ServerInterceptor):
    """Wraps the handlers of unary requests, each once.

    A request that is no protobuf message fails with INVALID_ARGUMENT; grpc itself would make UNKNOWN of it.
    """

    def __init__(self) -> None:
        self._wrapped: dict[str, Handler] = {}

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        wrapped = self._wrapped.get(handler_call_details.method)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        wrapped = self._wrapped[handler_call_details.method] = _wrap(handler)
        return wrapped


def _wrap(handler: Handler) -> Handler:
    decode: Callable[[bytes], Any] = handler.request_deserializer  # type: ignore[assignment]
    inner: Any = handler.unary_stream if handler.response_streaming else handler.unary_unary

    def decode_or_refuse(data: bytes) -> Any:
        try:
            return decode(data)
        except DecodeError:
            return invalid_request("The request is not a valid protobuf message; text must be UTF-8.")

    async def handle(request: Any, context: Context) -> Any:
        if isinstance(request, ARouterError):
            await abort(context, request)
        try:
            return await inner(request, context)
        except aio.AbortError:
            raise
        except Exception as error:
            await abort(context, known(error))

    make = grpc.unary_stream_rpc_method_handler if handler.response_streaming else grpc.unary_unary_rpc_method_handler
    return make(handle, decode_or_refuse, handler.response_serializer)
