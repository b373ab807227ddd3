"""The answer to one request, while it arrives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from arouter.providers.http.errors import HttpError

_MAX_BUFFERED = 128 * 1024
"""Unread bytes of a body above which no more are received."""

_RESUME_BELOW = 32 * 1024


class Response:
    """An answer. It is written by its connection and read by one task.

    Args:
        loop: The event loop.
        pause: Called with whether the connection is to stop receiving.
        done: Called once, when the answer is no longer read.

    Attributes:
        status: HTTP status; 0 before the head has arrived.
        headers: Those headers that the client looks at, by lower-case name.
    """

    __slots__ = ("_done", "_error", "_is_whole", "_loop", "_pause", "_paused", "_pieces", "_size", "_waiter", "headers",
                 "status")  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pause: Callable[[bool], None], done: Callable[[], None]
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._loop = loop
        self._pause = pause
        self._done: Callable[[], None] | None = done
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._is_whole = False
        self._error: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def head(self) -> None:
        """Waits for the status and the headers.

        Raises:
            HttpError: They do not arrive.
        """
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait()

    async def read(self, n: int) -> bytes:
        """Returns up to `n` bytes of the body, at least one; none only at the end.

        Raises:
            HttpError: The body ends before its end.
        """
        while not self._pieces:
            if self._is_whole:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()
        if len(self._pieces) == 1 and self._size <= n:
            data = self._pieces.popleft()
        elif self._size <= n:
            data = b"".join(self._pieces)
            self._pieces.clear()
        else:
            data = self._pieces.popleft()
            if len(data) > n:
                self._pieces.appendleft(data[n:])
                data = data[:n]
        self._size -= len(data)
        if self._paused and self._size < _RESUME_BELOW:
            self._paused = False
            self._pause(False)
        return data

    def at_eof(self) -> bool:
        """Returns whether the body has been read completely."""
        return self._is_whole and not self._pieces

    def close(self) -> None:
        """Gives the connection back if all of the answer has arrived, read or not; otherwise aborts it. Idempotent."""
        done, self._done = self._done, None
        if done is not None:
            self._pieces.clear()
            self._size = 0
            if self._paused:
                self._pause(False)
            done()

    def add(self, data: bytes) -> None:
        """Adds to the body. For the connection, like all below."""
        if self._done is None:
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _MAX_BUFFERED and not self._paused:
            self._paused = True
            self._pause(True)

    def end(self) -> None:
        """Marks the answer as complete."""
        self._is_whole = True

    def fail(self, error: HttpError) -> None:
        """Ends the answer with an error, which is raised when what has arrived is read."""
        if not self._is_whole and self._error is None:
            self._error = error
        self.wake()

    def wake(self) -> None:
        """Lets the reader look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
