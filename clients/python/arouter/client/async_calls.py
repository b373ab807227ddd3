"""The channel of the generated stubs for asyncio: the counterpart of `sync_calls`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import grpc
import grpc.aio

from arouter.client.connection import Connection
from arouter.client.errors import CallCancelledError, InternalError, call_error
from arouter.client.metadata import UNSET, AsyncKey, Defaults, Pairs, Timeout, check_request, request_id

Response = TypeVar("Response")
Codec = Callable[[Any], Any]
Start: TypeAlias = Callable[[], Awaitable[tuple[Any, str | None]]]
"""Makes a call, and returns it with the request id that was sent."""


class AsyncChannel:
    """The channel of the stubs. Opens a grpc.aio channel for each event loop, with the loop's first call.

    Attributes:
        is_closed: Whether `close` was called.
    """

    def __init__(self, connection: Connection, defaults: Defaults, key: AsyncKey | None) -> None:
        self._connection = connection
        self._defaults = defaults
        self._key = key
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, grpc.aio.Channel] = WeakKeyDictionary()
        self.is_closed = False

    def unary_unary(
        self, method: str, request_serializer: Codec, response_deserializer: Codec, **registered: Any
    ) -> AsyncUnaryMethod:
        """Returns a method with one response."""
        return AsyncUnaryMethod(
            self, method, lambda at: at.unary_unary(method, request_serializer, response_deserializer, **registered)
        )

    def unary_stream(
        self, method: str, request_serializer: Codec, response_deserializer: Codec, **registered: Any
    ) -> AsyncStreamMethod:
        """Returns a method with a stream of responses."""
        return AsyncStreamMethod(
            self, method, lambda at: at.unary_stream(method, request_serializer, response_deserializer, **registered)
        )

    def open(self) -> grpc.aio.Channel:
        """Returns grpc's channel of the running event loop.

        Raises:
            ValueError: The client is closed.
        """
        if self.is_closed:
            raise ValueError("The client is closed.")
        loop = asyncio.get_running_loop()
        if loop not in self._opened:
            arguments, credentials = self._connection.arguments(), self._connection.credentials()
            self._opened[loop] = (
                grpc.aio.insecure_channel(self._connection.target, arguments)
                if credentials is None
                else grpc.aio.secure_channel(self._connection.target, credentials, arguments)
            )
        return self._opened[loop]

    async def settings(
        self,
        method: str,
        timeout: Timeout,  # noqa: ASYNC109 -- a deadline, which the service is told
        metadata: Pairs | None,
    ) -> dict[str, Any]:
        """Returns the deadline and the metadata of a call as grpc's arguments."""
        given = self._key() if callable(self._key) else self._key
        key: str | None = await given if inspect.isawaitable(given) else given
        return {
            "timeout": self._defaults.deadline(method, timeout),
            "metadata": self._defaults.pairs(key, metadata),
        }

    async def close(self) -> None:
        """Ends all calls of this event loop with CANCELLED and closes its connection."""
        self.is_closed = True
        opened = self._opened.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened.close()


class _Method:
    def __init__(self, channel: AsyncChannel, name: str, build: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channel = channel
        self._name = name
        self._build = build
        self._built: tuple[grpc.aio.Channel, Any] | None = None

    def _of_grpc(self) -> Any:
        channel = self._channel.open()
        if self._built is None or self._built[0] is not channel:
            self._built = channel, self._build(channel)
        return self._built[1]


class AsyncUnaryMethod(_Method):
    """A method with one response."""

    async def __call__(
        self,
        request: Any,
        timeout: Timeout = UNSET,  # noqa: ASYNC109 -- a deadline, which the service is told
        metadata: Pairs | None = None,
        **options: Any,
    ) -> Any:
        """Calls the method.

        Raises:
            CallError: The call failed.
        """
        check_request(request)
        settings = await self._channel.settings(self._name, timeout, metadata)
        try:
            return _read(await self._of_grpc()(request, **settings, **options))
        except grpc.RpcError as error:
            raise call_error(error, request_id(settings["metadata"])) from error
        except asyncio.CancelledError as error:
            if self._channel.is_closed and not _is_task_cancelled():
                raise _cancelled(request_id(settings["metadata"])) from error
            raise


class AsyncStreamMethod(_Method):
    """A method with a stream of responses."""

    def __call__(
        self, request: Any, timeout: Timeout = UNSET, metadata: Pairs | None = None, **options: Any
    ) -> AsyncStream[Any]:
        """Returns the stream, which makes the call when its `async with` begins, or when it is iterated."""
        return AsyncStream(*self.starter(request, timeout, metadata, **options))

    def starter(
        self, request: Any, timeout: Timeout = UNSET, metadata: Pairs | None = None, **options: Any
    ) -> tuple[AsyncChannel, Start]:
        """Returns what an `AsyncStream` is made of."""

        async def start() -> tuple[Any, str | None]:
            check_request(request)
            settings = await self._channel.settings(self._name, timeout, metadata)
            return self._of_grpc()(request, **settings, **options), request_id(settings["metadata"])

        return self._channel, start


class AsyncStream(Generic[Response]):
    """The responses of a call, to iterate over once. Leaving its `async with` cancels what has not arrived.

    Iterating raises `CallError` if the call fails, also after the first responses.
    """

    def __init__(self, channel: AsyncChannel, start: Start) -> None:
        self._channel = channel
        self._start = start
        self._call: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._request_id: str | None = None
        self._is_cancelled = False

    def __aiter__(self) -> AsyncIterator[Response]:
        return self

    async def __anext__(self) -> Response:
        await self._started()
        try:
            # Not grpc's own iterator: it is an async generator, which a cancelled task leaves half-way.
            response: Any = await self._call.read()
        except grpc.RpcError as error:
            raise call_error(error, self._request_id) from error
        except asyncio.CancelledError as error:
            if (self._is_cancelled or self._channel.is_closed) and not _is_task_cancelled():
                raise _cancelled(self._request_id) from error
            raise
        if response is grpc.aio.EOF:
            raise StopAsyncIteration
        received: Response = _read(response)
        return received

    def cancel(self) -> None:
        """Cancels the call. A task that waits for a response gets `CallCancelledError`."""
        self._is_cancelled = True
        if self._call is not None:
            self._call.cancel()

    async def initial_metadata(self) -> dict[str, str | bytes]:
        """Returns the metadata that comes with the first response; waits for it."""
        await self._started()
        return dict(await self._call.initial_metadata() or ())

    async def trailing_metadata(self) -> dict[str, str | bytes]:
        """Returns the metadata at the end of the call; waits for it."""
        await self._started()
        return dict(await self._call.trailing_metadata() or ())

    async def _started(self) -> None:
        if self._call is None:
            if self._is_cancelled:
                raise _cancelled(self._request_id)
            self._loop = asyncio.get_running_loop()
            self._call, self._request_id = await self._start()
            if self._is_cancelled:  # while the key was awaited
                self._call.cancel()

    def __del__(self) -> None:
        # The iteration was left by `break`. The event loop holds grpc's call, which would go on forever.
        if self._loop is not None and self._call is not None and not self._loop.is_closed() and not self._call.done():
            self._loop.call_soon_threadsafe(self._call.cancel)

    async def __aenter__(self) -> Self:
        await self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()


def _is_task_cancelled() -> bool:
    """Says whether a CancelledError is meant for the task: grpc.aio also raises it if the call itself was cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _read(response: Any) -> Any:
    """Raises an error, as grpc does for threads, where grpc.aio returns None: for bytes that are no such message."""
    if response is None:
        raise InternalError("Exception deserializing response!", status=grpc.StatusCode.INTERNAL)
    return response


def _cancelled(sent_id: str | None) -> CallCancelledError:
    return CallCancelledError("The client cancelled the call.", status=grpc.StatusCode.CANCELLED, request_id=sent_id)
