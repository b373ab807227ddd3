"""The context and handler types of calls, independent of message types."""

from __future__ import annotations

import asyncio
import math
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message
from grpc import aio

Context: TypeAlias = "aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def remaining_of(context: Context) -> float:
    """Returns the seconds until the client stops waiting; infinite if it sets no deadline."""
    remaining = context.time_remaining()
    return math.inf if remaining is None else remaining


class _ClientPresent:
    """Converts the exception that grpc.aio raises when it writes to a disconnected client to CancelledError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, aio.InternalError):
            raise asyncio.CancelledError from error


client_present = _ClientPresent()


async def send_headers(context: Context, headers: tuple[tuple[str, str], ...]) -> None:
    """Sends initial metadata. Raises as `write`."""
    with client_present:
        await context.send_initial_metadata(headers)


async def write(context: Context, message: Message) -> None:
    """Sends a message of a stream.

    Raises:
        CancelledError: The client has disconnected. grpc.aio also cancels the task, but a pending write may fail first.
    """
    try:  # Not `client_present`, whose two calls every chunk would cost.
        await context.write(message)
    except aio.InternalError as error:
        raise asyncio.CancelledError from error
