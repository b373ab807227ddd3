"""A call's context and its handler, whatever its messages are."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message
from grpc import aio

Context: TypeAlias = "aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class _ClientPresent:
    """Makes a CancelledError of what grpc.aio raises where a client that has gone is to be told something."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, aio.InternalError):
            raise asyncio.CancelledError from error


client_present = _ClientPresent()


async def send_headers(context: Context, headers: tuple[tuple[str, str], ...]) -> None:
    """Sends initial metadata. Raises what `write` raises."""
    with client_present:
        await context.send_initial_metadata(headers)


async def write(context: Context, message: Message) -> None:
    """Sends a message of a stream.

    Raises:
        CancelledError: The client has gone. grpc.aio says so by cancelling the task, but a write that is under way may
            fail first.
    """
    with client_present:
        await context.write(message)
