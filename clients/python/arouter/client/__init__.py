"""A client of ARouter's typed gRPC API. docs/python.md describes how to use it.

    Client, AsyncClient        the client, for threads and for asyncio
    ChatStream, Stream, …      the responses of a call that streams
    CallError                  the base of all errors of calls: see `arouter.client.errors`
    to_openai, from_openai     OpenAI's JSON from and to messages
    Accumulator, accumulate    a completion from the chunks of a stream

The messages are those of `arouter.v1`.
"""

from arouter.client.accumulator import Accumulator, accumulate
from arouter.client.async_calls import AsyncStream
from arouter.client.async_client import AsyncChatStream, AsyncClient
from arouter.client.connection import Tls
from arouter.client.errors import (
    AlreadyExistsError,
    CallCancelledError,
    CallError,
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)
from arouter.client.openai_reader import ConversionError, from_openai
from arouter.client.openai_writer import to_openai
from arouter.client.sync_calls import Stream
from arouter.client.sync_client import ChatStream, Client

__all__ = [
    "Accumulator",
    "AlreadyExistsError",
    "AsyncChatStream",
    "AsyncClient",
    "AsyncStream",
    "CallCancelledError",
    "CallError",
    "ChatStream",
    "Client",
    "ConversionError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "Stream",
    "Tls",
    "UnauthenticatedError",
    "UnavailableError",
    "accumulate",
    "from_openai",
    "to_openai",
]
