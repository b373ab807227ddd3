"""The response to one request, while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_MAX_BUFFERED = 128 * 1024
"""Unread bytes of a body above which no more are received."""

_RESUME_BELOW = 32 * 1024


class Response:
    """A response. It is written by its connection and read by one task.

    Args:
        loop: The event loop.
        pause: Called with whether the connection is to stop receiving.
        done: Called once, when the response is no longer read.

    Attributes:
        status: HTTP status; 0 before the head has arrived.
        headers: Those headers that the client looks at, by lower-case name.
        pieces: What has arrived of the body and was not taken. For the connection.
        size: Its bytes. For the connection.
    """

    __slots__ = ("_done", "_error", "_is_whole", "_loop", "_pause", "_paused", "_waiter", "headers", "pieces", "size",
                 "status")  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pause: Callable[[bool], None], done: Callable[[], None]
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.size = 0
        self._loop = loop
        self._pause = pause
        self._done: Callable[[], None] | None = done
        self._paused = False
        self._is_whole = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def head(self) -> None:
        """Waits for the status and the headers.

        Raises:
            HttpError: They do not arrive.
        """
        while not self.status:
            if self._error is not None:
                raise self._error
            waiter = self._waiter = self._loop.create_future()
            await waiter

    def take(self, n: int) -> bytes | None:
        """Returns up to `n` bytes of the body that have arrived; none at the end, and None before more arrive.

        Raises:
            HttpError: The body ends before its end.
        """
        pieces = self.pieces
        if not pieces:
            if self._is_whole:
                return b""
            if self._error is not None:
                raise self._error
            return None
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if len(data) > n:
            pieces.append(data[n:])
            data = data[:n]
        self.size -= len(data)
        if self._paused and self.size < _RESUME_BELOW:
            self._paused = False
            self._pause(False)
        return data

    def arrival(self) -> asyncio.Future[None] | None:
        """Returns a future that is done when there is something to take; None if there is. For one task at a time."""
        if self.pieces or self._is_whole or self._error is not None:
            return None
        waiter = self._waiter = self._loop.create_future()
        return waiter

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits for more."""
        return self._waiter is not None and not self._waiter.done()

    def at_eof(self) -> bool:
        """Returns whether the body has been read completely."""
        return self._is_whole and not self.pieces

    def close(self) -> None:
        """Gives the connection back if the whole response has arrived, read or not; otherwise aborts it. Idempotent."""
        done, self._done = self._done, None
        if done is not None:
            self.pieces.clear()
            self.size = 0
            if self._paused:
                self._pause(False)
            done()

    def notice(self) -> None:
        """Lets the reader look at what has arrived, and receives no more if much is unread. For the connection."""
        if self.size > _MAX_BUFFERED and not self._paused:
            self._paused = True
            self._pause(True)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def end(self) -> None:
        """Marks the response as complete. For the connection."""
        self._is_whole = True

    def fail(self, error: Exception) -> None:
        """Ends the response with an error, which is raised when what has arrived was taken."""
        if not self._is_whole and self._error is None:
            self._error = error
        self.notice()
