"""Receives the request message of each call and calls its handler.

grpc.aio receives the message of a unary request before it calls the handler, without a time limit or admission check.
Therefore the server registers these methods as client-streaming, which is identical on the wire, and receives the
message here (docs/decisions/0012).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import DecodeError

from arouter.accounts.keys import AuthenticatedKey
from arouter.errors import ARouterError, Failure, invalid_request
from arouter.limits.reservation import UNLIMITED, Reservation
from arouter.rpc.access import Access, is_counted
from arouter.rpc.context import Context, Handler
from arouter.rpc.envelopes import envelope_of
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.interceptors.errors import Handle, stream_handler, with_error_status
from arouter.rpc.interceptors.receiving import MAX_PUBLIC_BYTES, Incoming, Receiving, too_large
from arouter.rpc.message_bounds import check_fields
from arouter.rpc.typed.required import check_required, rules_of

Count = Callable[[AuthenticatedKey], Awaitable[Reservation]]

_MAX_PUBLIC_CALLS = 1000
"""Maximum number of concurrent calls without a key, most of them health watches."""

_MAX_REFLECTIONS = 16

_REFLECTION_TIMEOUT = 60.0
"""Maximum duration of a reflection call in seconds."""

_RETRY_AFTER = 1


class HandlerFactory:
    """Creates gRPC's handlers from those of the services.

    Args:
        receiving: Receives the messages.
        count: Counts a chat call against the limits of its key before its message is received. Raises if a limit is
        exceeded.
    """

    def __init__(self, receiving: Receiving, count: Count) -> None:
        self._receiving = receiving
        self._count = count
        self._public = _Room(_MAX_PUBLIC_CALLS)
        self._reflections = _Room(_MAX_REFLECTIONS)

    def wrap(self, method: str, handler: Handler, access: Access) -> Handler:
        """Returns the gRPC handler of a method."""
        if handler.request_streaming:
            return stream_handler(
                with_error_status(self._reflection(handler), envelope_of(method)), handler, _public_decoder(handler)
            )
        return stream_handler(with_error_status(self._unary(handler, access), envelope_of(method)), handler)

    def _unary(self, handler: Handler, access: Access) -> Handle:
        inner: Any = handler.unary_stream if handler.response_streaming else handler.unary_unary
        decode, receiving, count = _decoder(handler), self._receiving, self._count
        if access is Access.PUBLIC:
            return self._unary_public(inner, decode)
        counts = is_counted(handler)

        async def handle(_messages: Any, context: Context) -> Any:
            current = caller.get(None)
            incoming = Incoming("" if current is None else current.key.hash)
            reservation = UNLIMITED
            try:
                if counts and current is not None:
                    reservation = current.reservation = await count(current.key)
                # Bytes and message have no names here, so that each is freed as soon as the next form exists.
                return await inner(decode(await receiving.receive(incoming, context)), context)
            except ARouterError as error:
                error.add_limits(reservation.request_headers)
                raise
            finally:
                receiving.release(incoming)

        return handle

    def _unary_public(self, inner: Any, decode: Callable[[bytes], Any]) -> Handle:
        """Serves a method that needs no key."""
        receiving, room = self._receiving, self._public

        async def handle(_messages: Any, context: Context) -> Any:
            incoming = Incoming("")
            try:
                with room:
                    return await inner(decode(await receiving.receive(incoming, context)), context)
            finally:
                receiving.release(incoming)

        return handle

    def _reflection(self, handler: Handler) -> Handle:
        """Serves reflection, the only method with a request stream; it needs no key."""
        inner: Any = handler.stream_stream
        room = self._reflections

        async def handle(messages: Any, context: Context) -> None:
            try:
                with room:
                    async with asyncio.timeout(_REFLECTION_TIMEOUT):
                        async for answer in inner(messages, context):
                            await context.write(answer)
            except TimeoutError:
                raise ARouterError(
                    Failure.REQUEST_TIMEOUT, f"The call exceeded its time limit of {_REFLECTION_TIMEOUT} s."
                ) from None

        return handle


class _Room:
    """A context manager that limits concurrent calls. Raises UNAVAILABLE if the limit is reached."""

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
    """Returns a decoder, which rejects messages that are malformed, have too many fields or lack required ones.

    If a message has a REST body, its typed fields are not checked.
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
