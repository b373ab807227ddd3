"""A call's context, whatever its messages are."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

from google.protobuf.message import Message
from grpc import aio

Context: TypeAlias = "aio.ServicerContext[Any, Any]"


async def write(context: Context, message: Message) -> None:
    """Sends a message of a stream.

    Raises:
        CancelledError: The client has gone. grpc.aio says so by cancelling the task, but a write that is under way may
            fail first.
    """
    try:
        await context.write(message)
    except aio.InternalError as error:
        raise asyncio.CancelledError from error
