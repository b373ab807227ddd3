"""Writes server-sent events to a call (design §5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from google.api import httpbody_pb2
from grpc import aio

from arouter.calls.answer import Answer
from arouter.calls.pipeline import AnsweredCall
from arouter.chat.chunks import Chunk
from arouter.errors import ARouterError
from arouter.rpc.answer_headers import answer_headers
from arouter.rpc.context import Context, send_headers, write
from arouter.rpc.json_body import too_deep
from arouter.rpc.status import as_arouter_error

EVENTS = "text/event-stream"
COMMENT = b": keep-alive\n\n"


class EventStream:
    """A response of server-sent events, or of another kind that is written in pieces.

    Keep-alive comments use a single timer per stream, not a task or timeout per event. It runs until `serve` returns.

    Args:
        context: The call.
        keep_alive: Seconds without an event after which a comment is sent.
        content_type: The media type of the response.
        comment: What is sent then.
    """

    __slots__ = (
        "_comment",
        "_context",
        "_keep_alive",
        "_loop",
        "_message",
        "_started",
        "_text",
        "_timer",
        "_writing",
        "_written_at",
    )

    def __init__(
        self, context: Context, keep_alive: float, content_type: str = EVENTS, comment: bytes = COMMENT
    ) -> None:
        # Whether anything has been sent; after that, an error can only be sent as an event.
        self._started = False
        self._text = comment
        self._context = context
        self._keep_alive = keep_alive
        self._loop = asyncio.get_running_loop()
        self._written_at = self._loop.time()
        self._timer = self._loop.call_later(keep_alive, self._tick)
        self._writing = False
        self._message = httpbody_pb2.HttpBody(content_type=content_type)
        self._comment: asyncio.Task[None] | None = None

    async def serve(
        self,
        call: AnsweredCall,
        encode: Callable[[list[Chunk]], bytes],
        end: Callable[[], bytes],
        fail: Callable[[ARouterError], bytes],
    ) -> None:
        """Sends the response of a call as events. May be called once.

        Args:
            call: The call.
            encode: Returns the events of chunks; none if no chunk is for the client. May raise JSONEncodeError for
                chunks that are nested too deeply.
            end: Returns the events after the last chunk.
            fail: Returns the events that end a response which has failed after its beginning.

        Raises:
            ARouterError: The call has failed; the client already has the events that say so, if any were sent.
        """
        try:
            async with call as answer:
                await self._open(answer_headers(answer))
                await self._relay(answer, encode, end)
        except Exception as error:
            failure = as_arouter_error(error)
            if self._started:
                await self._comment_sent()
                await self._send(fail(failure))
            raise failure from error
        finally:
            self._close()

    async def _open(self, headers: tuple[tuple[str, str], ...]) -> None:
        """Sends the response headers, unless a comment has already sent them."""
        await self._comment_sent()
        if not self._started:
            self._writing = True
            try:
                await send_headers(self._context, headers)
            finally:
                self._writing = False

    async def _relay(self, answer: Answer, encode: Callable[[list[Chunk]], bytes], end: Callable[[], bytes]) -> None:
        """Sends the chunks of a response as they arrive, those that have arrived together in one message."""
        write, message, time = self._context.write, self._message, self._loop.time
        try:
            while not answer.complete:
                arrival = answer.arrival()
                if arrival is not None:
                    await arrival
                data = encode(answer.take())
                if answer.complete:
                    data += end()
                if not data:
                    continue
                if self._comment is not None:
                    await self._comment_sent()
                # Not by `_send`, whose coroutines every chunk would have to pass through.
                self._writing = self._started = True
                message.data = data
                await write(message)
                self._writing = False
                self._written_at = time()
        except aio.InternalError as error:
            raise asyncio.CancelledError from error
        except orjson.JSONEncodeError as error:
            raise too_deep() from error
        finally:
            self._writing = False

    def _close(self) -> None:
        """Stops the timer."""
        self._timer.cancel()
        comment = self._comment
        if comment is not None and not comment.cancel() and not comment.cancelled():
            comment.exception()  # Retrieved, or asyncio would log it: the client has disconnected.

    async def _comment_sent(self) -> None:
        if self._comment is not None:
            comment, self._comment = self._comment, None
            await comment

    async def _send(self, data: bytes) -> None:
        self._writing = self._started = True
        try:
            self._message.data = data
            await write(self._context, self._message)
        finally:
            self._writing = False
            self._written_at = self._loop.time()

    def _tick(self) -> None:
        silent = self._loop.time() - self._written_at
        if silent >= self._keep_alive and not self._writing:
            self._comment = self._loop.create_task(self._send(self._text))
            silent = 0.0
        self._timer = self._loop.call_later(self._keep_alive - min(silent, 0.9 * self._keep_alive), self._tick)
