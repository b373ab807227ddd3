"""The channel of the generated stubs. Its calls have the client's key and deadline, and raise `CallError`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc

from arouter.client.connection import Connection
from arouter.client.errors import CallError, call_error
from arouter.client.metadata import UNSET, Defaults, Key, Pairs, Timeout, check_request, request_id

Response = TypeVar("Response")
Codec = Callable[[Any], Any]


class Channel:
    """The channel of the stubs. Opens a grpc channel with the first call, and another one in a forked process."""

    def __init__(self, connection: Connection, defaults: Defaults, key: Key | None) -> None:
        self._connection = connection
        self._defaults = defaults
        self._key = key
        self._opened: tuple[int, grpc.Channel] | None = None
        self._is_closed = False

    def unary_unary(
        self, method: str, request_serializer: Codec, response_deserializer: Codec, **registered: Any
    ) -> UnaryMethod:
        """Returns a method with one response."""
        return UnaryMethod(
            self, method, lambda at: at.unary_unary(method, request_serializer, response_deserializer, **registered)
        )

    def unary_stream(
        self, method: str, request_serializer: Codec, response_deserializer: Codec, **registered: Any
    ) -> StreamMethod:
        """Returns a method with a stream of responses."""
        return StreamMethod(
            self, method, lambda at: at.unary_stream(method, request_serializer, response_deserializer, **registered)
        )

    def open(self) -> grpc.Channel:
        """Returns grpc's channel of this process.

        Raises:
            ValueError: The client is closed.
        """
        if self._is_closed:
            raise ValueError("The client is closed.")
        process = os.getpid()
        # Two threads may get here at once. Both channels work, and the one that is not kept closes after its call.
        if self._opened is None or self._opened[0] != process:
            arguments, credentials = self._connection.arguments(), self._connection.credentials()
            opened = (
                grpc.insecure_channel(self._connection.target, arguments)
                if credentials is None
                else grpc.secure_channel(self._connection.target, credentials, arguments)
            )
            self._opened = process, opened
        return self._opened[1]

    def settings(self, method: str, timeout: Timeout, metadata: Pairs | None) -> dict[str, Any]:
        """Returns the deadline and the metadata of a call as grpc's arguments."""
        key = self._key() if callable(self._key) else self._key
        return {
            "timeout": self._defaults.deadline(method, timeout),
            "metadata": self._defaults.pairs(key, metadata),
        }

    def close(self) -> None:
        """Ends all calls with CANCELLED and closes the connection."""
        self._is_closed = True
        if self._opened is not None:
            self._opened[1].close()


class _Method:
    def __init__(self, channel: Channel, name: str, build: Callable[[grpc.Channel], Any]) -> None:
        self._channel = channel
        self._name = name
        self._build = build
        self._built: tuple[grpc.Channel, Any] | None = None

    def _of_grpc(self) -> Any:
        channel = self._channel.open()
        if self._built is None or self._built[0] is not channel:
            self._built = channel, self._build(channel)
        return self._built[1]


class UnaryMethod(_Method):
    """A method with one response, as the stubs' types describe it, without `future`."""

    def __call__(self, request: Any, timeout: Timeout = UNSET, metadata: Pairs | None = None, **options: Any) -> Any:
        """Calls the method.

        Raises:
            CallError: The call failed.
        """
        return self.with_call(request, timeout, metadata, **options)[0]

    def with_call(
        self, request: Any, timeout: Timeout = UNSET, metadata: Pairs | None = None, **options: Any
    ) -> tuple[Any, Any]:
        """Calls the method, and returns grpc's call, which has the metadata, beside the response.

        Raises:
            CallError: The call failed.
        """
        check_request(request)
        method, settings = self._of_grpc(), self._channel.settings(self._name, timeout, metadata)
        try:
            result: tuple[Any, Any] = method.with_call(request, **settings, **options)
        except grpc.RpcError as error:
            raise call_error(error, request_id(settings["metadata"])) from error
        return result


class StreamMethod(_Method):
    """A method with a stream of responses, as the stubs' types describe it."""

    def __call__(
        self, request: Any, timeout: Timeout = UNSET, metadata: Pairs | None = None, **options: Any
    ) -> Stream[Any]:
        """Calls the method; failures are raised by the stream."""
        return Stream(*self.start(request, timeout, metadata, **options))

    def start(
        self, request: Any, timeout: Timeout = UNSET, metadata: Pairs | None = None, **options: Any
    ) -> tuple[Any, str | None]:
        """Calls the method, and returns what a `Stream` is made of."""
        check_request(request)
        method, settings = self._of_grpc(), self._channel.settings(self._name, timeout, metadata)
        return method(request, **settings, **options), request_id(settings["metadata"])


class Stream(Generic[Response]):
    """The responses of a call, to iterate over once. Leaving its `with` block cancels what has not arrived.

    Iterating raises `CallError` if the call fails, also after the first responses.
    """

    def __init__(self, call: Any, request_id: str | None) -> None:
        self._call = call
        self._request_id = request_id

    def __iter__(self) -> Iterator[Response]:
        return self

    def __next__(self) -> Response:
        try:
            response: Response = next(self._call)
        except grpc.RpcError as error:
            raise self._failure(error) from error
        return response

    def cancel(self) -> None:
        """Cancels the call, from any thread. A thread that waits for a response gets `CallCancelledError`."""
        self._call.cancel()

    def initial_metadata(self) -> dict[str, str | bytes]:
        """Returns the metadata that comes with the first response; waits for it."""
        return dict(self._call.initial_metadata() or ())

    def trailing_metadata(self) -> dict[str, str | bytes]:
        """Returns the metadata at the end of the call; waits for it."""
        return dict(self._call.trailing_metadata() or ())

    def _failure(self, error: grpc.RpcError) -> CallError:
        return call_error(error, self._request_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()
