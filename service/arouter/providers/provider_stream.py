"""A provider's answer while it is read: the HTTP exchange and the stream of chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from arouter.chat.chunks import Chunk, chunks_of, is_meaningful
from arouter.errors import ARouterError
from arouter.providers.adapter import Reader
from arouter.providers.bodies import Body, read
from arouter.providers.call_timer import CallTimer
from arouter.providers.deadlines import CallDeadlines
from arouter.providers.error_mapping import ErrorMapping
from arouter.providers.http.errors import HttpError
from arouter.providers.http.response import Response
from arouter.providers.provider_errors import bad_response
from arouter.providers.reading import MAX_ANSWER_BYTES, read_all
from arouter.providers.shares import Share, Shares
from arouter.providers.sse import EventTooLargeError, SseParser
from arouter.providers.tool_names import restore_in_chunks

MAX_EVENT_BYTES = 10 * 1024 * 1024
MAX_SILENT_BYTES = 16 * 1024 * 1024
"""Maximum bytes of a stream without content for the client: comments, pings, chunks before the first text."""

_MAX_EMPTY_CHUNKS = 1000
_MAX_SILENT_EVENTS = 10_000
_MAX_AT_ONCE = 64 * 1024
"""Maximum bytes that are decoded before other calls get their turn."""

_END_TIMEOUT = 0.25
"""Seconds to wait for the end of the response after the last event, so that the connection can be reused."""

_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"


class ProviderExchange:
    """A provider's response after its headers. Closing it releases the connection, or aborts it if unread."""

    __slots__ = ("_open", "_response", "_share", "_shares", "body")

    body: Body

    def __init__(self, shares: Shares, share: Share, response: Response) -> None:
        self._response = response
        self._shares = shares
        self._share = share
        self._open = True

    def expire(self) -> None:
        """Ends the wait for more of the response with TimeoutError, if there is one."""
        if self._response.is_awaited:
            self._response.fail(TimeoutError())

    def close(self) -> None:
        """Releases the connection. Idempotent."""
        if self._open:
            self._open = False
            self._shares.give(self._share)
            self._response.close()


class ProviderStream:
    """A streamed answer. Its first `take` returns what `Upstream.open_stream` waited for.

    Args:
        reader: Decodes the answer.
        exchange: The HTTP exchange, closed with the stream.
        deadlines: The call's deadlines.
        timer: The call's timer, closed with the stream.
        errors: The call's error mapping.
        names: The request's tool names by those that were sent, where they differ.

    Attributes:
        deadline: Loop time at which the whole call must have ended.
        ended: Whether all chunks have been taken, and the answer is complete.
    """

    __slots__ = (
        "_content",
        "_decoder",
        "_errors",
        "_exchange",
        "_expire",
        "_failure",
        "_idle",
        "_is_whole",
        "_names",
        "_parser",
        "_pending",
        "_reader",
        "_silent_bytes",
        "_silent_events",
        "_started",
        "_time",
        "_timer",
        "deadline",
        "ended",
    )

    def __init__(
        self,
        reader: Reader,
        exchange: ProviderExchange,
        deadlines: CallDeadlines,
        timer: CallTimer,
        errors: ErrorMapping,
        names: Mapping[str, str],
    ) -> None:
        self.ended = False
        self._exchange = exchange
        self._expire = exchange.expire
        self._errors = errors
        self._names = names
        self._content = exchange.body
        self._time = asyncio.get_running_loop().time
        self._idle = deadlines.idle
        self.deadline = deadlines.total
        self._timer = timer
        self._parser = SseParser(MAX_EVENT_BYTES)
        self._reader = reader
        self._decoder = reader.stream_decoder()
        self._pending: list[Chunk] = []
        self._failure: ARouterError | None = None
        self._is_whole = False
        self._started = False
        self._silent_bytes = self._silent_events = 0

    @property
    def usage(self) -> dict[str, Any] | None:
        """The usage reported by the provider so far."""
        return self._decoder.usage

    async def start(self) -> None:
        """Waits for the first meaningful chunk, or for the complete answer if the provider does not stream."""
        received = await read(self._content, _MAX_AT_ONCE)
        if received.lstrip(_BEFORE_JSON)[:1] == b"{":
            # Not an event stream: the server cannot stream, or it sends an error with status 200.
            await self._take_document(received)
            return
        while True:
            chunks = self._decode(received)
            if self._failure is not None and not any(map(is_meaningful, self._pending + chunks)):
                raise self._failure
            self._pending += chunks
            if any(map(is_meaningful, chunks)):
                self._silent_bytes = self._silent_events = 0
                self._started = True
                return
            if len(self._pending) > _MAX_EMPTY_CHUNKS:
                raise bad_response(f"{len(self._pending)} chunks without content")
            received = await read(self._content, _MAX_AT_ONCE)

    async def _take_document(self, beginning: bytes) -> None:
        completion = self._reader.decode(beginning + await read_all(self._content, MAX_ANSWER_BYTES - len(beginning)))
        usage = completion.get("usage")
        self._decoder.usage = usage if isinstance(usage, dict) else None
        self._pending = chunks_of(completion)
        if self._names:
            restore_in_chunks(self._pending, self._names)
        self._is_whole = True

    def take(self) -> list[Chunk]:
        """Returns all chunks that have arrived; possibly none.

        Raises:
            ProviderError: The provider failed in the middle of its answer.
            ARouterError: DEADLINE_EXCEEDED.
        """
        if self._pending:
            chunks, self._pending = self._pending, []
            self.ended = self._is_whole
            return chunks
        try:
            return self._take()
        except Exception as error:
            self._errors.raise_mapped(error)
            raise

    def arrival(self) -> asyncio.Future[None] | None:
        """Returns a future that is done when there may be chunks to take, or time is over; None if that is so now."""
        if self._pending or self.ended or self._failure is not None:
            return None
        self._timer.watch(min(self._time() + self._idle, self.deadline), self._expire)
        return self._content.arrival()

    async def close(self) -> None:
        """Releases the connection if the answer is complete, otherwise aborts it."""
        self._timer.close()
        try:
            if self._decoder.done and not self._content.at_eof():
                async with asyncio.timeout(_END_TIMEOUT):
                    while not self._content.at_eof():
                        await read(self._content, _MAX_AT_ONCE)
        except (TimeoutError, HttpError):
            pass
        finally:
            self._exchange.close()

    def _take(self) -> list[Chunk]:
        while not self.ended:
            if self._failure is not None:
                raise self._failure
            received = self._content.take(_MAX_AT_ONCE)
            if received is None:
                break
            chunks = self._decode(received)
            # While there is always something to take, the timer ends no wait.
            if self._time() >= self.deadline:
                raise TimeoutError
            self.ended = self._is_whole
            if chunks:
                self._silent_bytes = self._silent_events = 0
                return chunks
        return []

    def _decode(self, received: bytes) -> list[Chunk]:
        """Returns the chunks of one read. A failure after valid chunks is raised by the next read."""
        chunks: list[Chunk] = []
        decoder = self._decoder
        try:
            if not received:
                chunks = decoder.finish()
                self._is_whole = True
                return chunks
            events = self._parser.feed(received)
            for event in events:
                decoded = decoder.feed(event)
                if decoder.joiner.active:
                    decoded = decoder.joiner.join(decoded)
                if self._names:
                    restore_in_chunks(decoded, self._names)
                chunks += decoded
                if decoder.done:
                    self._is_whole = True
                    return chunks
            if not (chunks and self._started):
                self._note_silence(len(received), len(events))
        except EventTooLargeError as error:
            self._failure = bad_response(str(error))
        except ARouterError as error:
            self._failure = error
        return chunks

    def _note_silence(self, size: int, events: int) -> None:
        """Counts bytes and events without content for the client.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE if there are too many.
        """
        self._silent_bytes += size
        self._silent_events += events
        if self._silent_bytes > MAX_SILENT_BYTES:
            raise bad_response(f"more than {MAX_SILENT_BYTES} bytes of a stream without content")
        if self._silent_events > _MAX_SILENT_EVENTS:
            raise bad_response(f"{_MAX_SILENT_EVENTS} events without content")
