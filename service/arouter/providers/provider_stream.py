"""A provider's answer while it is read: the connection that it holds, and a stream's chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from arouter.chat.chunks import Chunk, chunks_of, is_meaningful
from arouter.errors import ARouterError
from arouter.providers.bodies import Body
from arouter.providers.deadlines import CallDeadlines
from arouter.providers.idle_timer import IdleTimer
from arouter.providers.provider import Provider
from arouter.providers.provider_errors import bad_response
from arouter.providers.reading import MAX_ANSWER_BYTES, read_all
from arouter.providers.shares import Share, Shares
from arouter.providers.sse import EventTooLargeError, SseParser
from arouter.providers.tool_names import restore_in_chunks

MAX_EVENT_BYTES = 10 * 1024 * 1024
MAX_SILENT_BYTES = 16 * 1024 * 1024
"""Bytes of a stream that may come without anything for the client: comments, pings, chunks before the first text."""

_MAX_EMPTY_CHUNKS = 1000
_MAX_SILENT_EVENTS = 10_000
_MAX_AT_ONCE = 64 * 1024
"""Bytes of a stream that are decoded before other calls have their turn."""

_HANG_UP = 0.25
"""Seconds a provider gets to close a stream it has ended, so that its connection can be used again."""

_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"


class ProviderExchange:
    """A provider's answer, from its headers on. Closing it gives the connection back or, unread, cuts it."""

    __slots__ = ("_open", "_response", "_share", "_shares", "body")

    body: Body

    def __init__(self, shares: Shares, share: Share, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._shares = shares
        self._share = share
        self._open = True

    async def __aenter__(self) -> ProviderExchange:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the connection, once."""
        if self._open:
            self._open = False
            self._shares.give(self._share)
            # Also right after a whole answer: its connection is already back in the pool by then.
            self._response.close()


class ProviderStream:
    """A streamed answer. Its first read is what `Upstream.open_stream` waited for.

    Args:
        provider: Which answers.
        call: Its call, closed with the stream.
        deadlines: The call's deadlines.
        names: The request's names of tools by those that were sent, where they differ.
    """

    __slots__ = (
        "_adapter",
        "_call",
        "_content",
        "_deadlines",
        "_decoder",
        "_ended",
        "_failure",
        "_held",
        "_names",
        "_parser",
        "_silent_bytes",
        "_silent_events",
        "_started",
        "_watchdog",
    )

    def __init__(
        self, provider: Provider, call: ProviderExchange, deadlines: CallDeadlines, names: Mapping[str, str]
    ) -> None:
        self._call = call
        self._names = names
        self._content = call.body
        self._deadlines = deadlines
        self._watchdog = IdleTimer()
        self._parser = SseParser(MAX_EVENT_BYTES)
        self._adapter = provider.adapter
        self._decoder = provider.adapter.stream_decoder()
        self._held: list[Chunk] = []
        self._failure: ARouterError | None = None
        self._ended = False
        self._started = False
        self._silent_bytes = self._silent_events = 0

    @property
    def deadline(self) -> float:
        """Loop time at which the whole call must have ended."""
        return self._deadlines.total

    @property
    def usage(self) -> dict[str, Any] | None:
        """What the provider said was used, so far."""
        return self._decoder.usage

    @property
    def ended(self) -> bool:
        """Whether all chunks have been read, and the answer is complete."""
        return self._ended and not self._held and self._failure is None

    async def start(self) -> None:
        """Waits for the first meaningful chunk, or for the whole answer where the provider does not stream."""
        received = await self._content.read(_MAX_AT_ONCE)
        if received.lstrip(_BEFORE_JSON)[:1] == b"{":
            # No event stream begins so: a server that cannot stream, or an error with status 200.
            await self._take_document(received)
            return
        while True:
            chunks = self._decode(received)
            if self._failure is not None and not any(map(is_meaningful, self._held + chunks)):
                raise self._failure
            self._held += chunks
            if any(map(is_meaningful, chunks)):
                self._silent_bytes = self._silent_events = 0
                self._started = True
                return
            if len(self._held) > _MAX_EMPTY_CHUNKS:
                raise bad_response(f"{len(self._held)} chunks without content")
            received = await self._content.read(_MAX_AT_ONCE)

    async def _take_document(self, beginning: bytes) -> None:
        completion = self._adapter.decode(beginning + await read_all(self._content, MAX_ANSWER_BYTES - len(beginning)))
        usage = completion.get("usage")
        self._decoder.usage = usage if isinstance(usage, dict) else None
        self._held = chunks_of(completion)
        if self._names:
            restore_in_chunks(self._held, self._names)
        self._ended = True

    async def read(self) -> list[Chunk]:
        """Returns all chunks that have arrived, waiting for at least one; an empty list only at the stream's end.

        Raises:
            ProviderError: The provider failed in the middle of its answer.
            ARouterError: DEADLINE_EXCEEDED.
        """
        if self._held:
            held, self._held = self._held, []
            return held
        with self._deadlines:
            while self._failure is None and not self._ended:
                with self._watchdog.until(self._deadlines.next_read()):
                    chunks = await self._receive()
                # A read that finds data does not wait, and so would never be timed out.
                self._deadlines.check_total()
                if chunks:
                    self._silent_bytes = self._silent_events = 0
                    return chunks
            if self._failure is not None:
                raise self._failure
        return []

    async def close(self) -> None:
        """Gives the connection back if the answer is complete, else cuts it."""
        self._watchdog.close()
        try:
            if self._decoder.done and not self._content.at_eof():
                async with asyncio.timeout(_HANG_UP):
                    while not self._content.at_eof():
                        await self._content.read(_MAX_AT_ONCE)
        except (TimeoutError, aiohttp.ClientError):
            pass
        finally:
            self._call.close()

    async def _receive(self) -> list[Chunk]:
        """Returns the chunks of one read. A failure behind good chunks is kept for the next read."""
        return self._decode(await self._content.read(_MAX_AT_ONCE))

    def _decode(self, received: bytes) -> list[Chunk]:
        chunks: list[Chunk] = []
        try:
            if not received:
                self._ended = True
                return self._decoder.finish()
            events = self._parser.feed(received)
            for event in events:
                decoded = self._decoder.feed(event)
                if self._decoder.joiner.active:
                    decoded = self._decoder.joiner.join(decoded)
                if self._names:
                    restore_in_chunks(decoded, self._names)
                chunks += decoded
                if self._decoder.done:
                    self._ended = True
                    return chunks
            if not (chunks and self._started):
                self._note_silence(len(received), len(events))
        except EventTooLargeError as error:
            self._failure = bad_response(str(error))
        except ARouterError as error:
            self._failure = error
        return chunks

    def _note_silence(self, size: int, events: int) -> None:
        """Counts what came without anything for the client.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE; it is too much.
        """
        self._silent_bytes += size
        self._silent_events += events
        if self._silent_bytes > MAX_SILENT_BYTES:
            raise bad_response(f"more than {MAX_SILENT_BYTES} bytes of a stream with nothing in them for the client")
        if self._silent_events > _MAX_SILENT_EVENTS:
            raise bad_response(f"{_MAX_SILENT_EVENTS} events with nothing in them for the client")
