"""Receives the request of each call and calls its handler.

grpc.aio receives the message of a unary request before it calls the handler, in whatever time that takes, and whatever
the handler then says. So on the server each such method is a streaming one, which is the same on the wire, and its
message is received here (docs/decisions/0012).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from google.protobuf.message import DecodeError

from arouter.accounts.keys import AuthenticatedKey
from arouter.errors import ARouterError, Failure, invalid_request
from arouter.limits.reservation import Reservation
from arouter.rpc.context import Context, Handler
from arouter.rpc.interceptors.auth import caller, is_public
from arouter.rpc.interceptors.errors import Handle, ending, handler_of
from arouter.rpc.interceptors.receiving import MAX_PUBLIC_BYTES, Incoming, Receiving, too_large
from arouter.rpc.message_bounds import check_fields
from arouter.rpc.typed.required import check_required, rules_of

Count = Callable[[AuthenticatedKey], Awaitable[Reservation]]

_COUNTED = "/arouter.v1.ChatService/"
"""The service whose calls count against the limits of keys."""

_MAX_PUBLIC_CALLS = 1000
"""Calls without a key, most of them health watches, that are open at the same time."""

_MAX_REFLECTIONS = 16

_REFLECTION_TIMEOUT = 60.0
"""Seconds that a call of the reflection service lasts at most."""

_RETRY_AFTER = 1


class HandlerFactory:
    """Makes gRPC's handlers of those of the services.

    Args:
        receiving: Receives the messages.
        count: Counts a chat against the limits of its key, before its message is received. Raises what the call is to
            end with.
    """

    def __init__(self, receiving: Receiving, count: Count) -> None:
        self._receiving = receiving
        self._count = count
        self._public = _Room(_MAX_PUBLIC_CALLS)
        self._reflections = _Room(_MAX_REFLECTIONS)

    def wrap(self, method: str, handler: Handler) -> Handler:
        """Returns the handler of a method for gRPC."""
        if handler.request_streaming:
            return handler_of(ending(self._reflection(handler)), handler, _public_decoder(handler))
        return handler_of(ending(self._unary(method, handler)), handler)

    def _unary(self, method: str, handler: Handler) -> Handle:
        inner: Any = handler.unary_stream if handler.response_streaming else handler.unary_unary
        decode, receiving, count = _decoder(handler), self._receiving, self._count
        room: AbstractContextManager[None] = self._public if is_public(method) else nullcontext()
        counts = method.startswith(_COUNTED)

        async def handle(_messages: Any, context: Context) -> Any:
            who = caller.get(None)
            incoming = Incoming("" if who is None else who.key.hash)
            headers: tuple[tuple[str, str], ...] = ()
            try:
                with room:
                    if counts and who is not None:
                        reservation = await count(who.key)
                        headers = reservation.headers
                        caller.set(who._replace(reservation=reservation))
                    # Neither the bytes nor the message get a name here: each is freed when its next form is made.
                    return await inner(decode(await receiving.receive(incoming, context)), context)
            except ARouterError as error:
                error.add_limits(headers)
                raise
            finally:
                receiving.release(incoming)

        return handle

    def _reflection(self, handler: Handler) -> Handle:
        """Serves the only method whose requests are a stream; nobody's key pays for it."""
        inner: Any = handler.stream_stream
        room = self._reflections

        async def handle(messages: Any, context: Context) -> None:
            try:
                with room:
                    async with asyncio.timeout(_REFLECTION_TIMEOUT):
                        async for answer in inner(messages, context):
                            await context.write(answer)
            except TimeoutError:
                raise ARouterError(Failure.REQUEST_TIMEOUT, f"A call may take {_REFLECTION_TIMEOUT} s.") from None

        return handle


class _Room:
    """Room for so many calls at the same time, as a context. Raises UNAVAILABLE where there is none."""

    def __init__(self, size: int) -> None:
        self._left = size

    def __enter__(self) -> None:
        if not self._left:
            raise ARouterError(
                Failure.UNAVAILABLE, "Too many calls without a key are open. Try again.", retry_after=_RETRY_AFTER
            )
        self._left -= 1

    def __exit__(self, *_: object) -> None:
        self._left += 1


def _decoder(handler: Handler) -> Callable[[bytes], Any]:
    """Returns what makes a message of bytes, and refuses what is none, has too many fields or lacks one.

    Of a message with a REST body the typed fields do not count.
    """
    decode: Any = handler.request_deserializer
    descriptor = decode.__self__.DESCRIPTOR
    may_have_body = "http_body" in descriptor.fields_by_name
    rules = rules_of(descriptor)

    def decode_or_refuse(data: bytes) -> Any:
        check_fields(data, descriptor)
        try:
            message = decode(data)
        except DecodeError:
            raise invalid_request("The request is not a valid protobuf message; text must be UTF-8.") from None
        if not (may_have_body and message.HasField("http_body")):
            check_required(message, rules)
        return message

    return decode_or_refuse


def _public_decoder(handler: Handler) -> Callable[[bytes], Any]:
    decode = _decoder(handler)

    def decode_or_refuse(data: bytes) -> Any:
        if len(data) > MAX_PUBLIC_BYTES:
            raise too_large()
        return decode(data)

    return decode_or_refuse
