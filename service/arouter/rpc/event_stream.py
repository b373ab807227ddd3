"""Writes server-sent events to one call (design §5)."""

from __future__ import annotations

import asyncio

from google.api import httpbody_pb2

from arouter.rpc.context import Context, send_headers, write

_KEEP_ALIVE = b": keep-alive\n\n"


class EventStream:
    """A `text/event-stream` answer.

    Between events one timer ticks, instead of a task or a deadline for each.

    Args:
        context: The call.
        keep_alive: Seconds of silence after which a comment is sent.

    Attributes:
        started: Whether anything has been sent; from then on an error can only be an event.
    """

    __slots__ = ("_comment", "_context", "_keep_alive", "_loop", "_timer", "_writing", "_written_at", "started")

    def __init__(self, context: Context, keep_alive: float) -> None:
        self.started = False
        self._context = context
        self._keep_alive = keep_alive
        self._loop = asyncio.get_running_loop()
        self._written_at = self._loop.time()
        self._timer = self._loop.call_later(keep_alive, self._tick)
        self._writing = False
        self._comment: asyncio.Task[None] | None = None

    async def open(self, headers: tuple[tuple[str, str], ...]) -> None:
        """Sends the answer's headers, unless a comment has been faster."""
        await self._comment_sent()
        if not self.started:
            self._writing = True
            try:
                await send_headers(self._context, headers)
            finally:
                self._writing = False

    async def write(self, events: bytes) -> None:
        """Sends whole events."""
        if self._comment is not None:
            await self._comment_sent()
        await self._send(events)

    def close(self) -> None:
        """Stops the timer."""
        self._timer.cancel()
        comment = self._comment
        if comment is not None and not comment.cancel() and not comment.cancelled():
            comment.exception()  # Looked at, or asyncio would report it: the client has gone, that is all.

    async def _comment_sent(self) -> None:
        if self._comment is not None:
            comment, self._comment = self._comment, None
            await comment

    async def _send(self, data: bytes) -> None:
        self._writing = self.started = True
        try:
            await write(self._context, httpbody_pb2.HttpBody(content_type="text/event-stream", data=data))
        finally:
            self._writing = False
            self._written_at = self._loop.time()

    def _tick(self) -> None:
        silent = self._loop.time() - self._written_at
        if silent >= self._keep_alive and not self._writing:
            self._comment = self._loop.create_task(self._send(_KEEP_ALIVE))
            silent = 0.0
        self._timer = self._loop.call_later(self._keep_alive - min(silent, 0.9 * self._keep_alive), self._tick)
