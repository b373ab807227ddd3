"""The one place that does HTTP to providers: pooling, deadlines, cancellation and the classification of failures."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import aiohttp

from arouter.chat.chunks import Chunk, is_meaningful
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.adapter import ListedModels, WireRequest
from arouter.providers.bodies import Body, body_of
from arouter.providers.connections import new_session
from arouter.providers.deadlines import Clock
from arouter.providers.model_pages import MAX_MODELS
from arouter.providers.provider import Credential, Provider
from arouter.providers.provider_errors import bad_response
from arouter.providers.reading import read_all, read_error, retry_after
from arouter.providers.shares import Share, Shares
from arouter.providers.sse import EventTooLargeError, SseParser
from arouter.providers.watchdog import Watchdog

MAX_EVENT_BYTES = 10 * 1024 * 1024
MAX_SILENT_BYTES = 16 * 1024 * 1024
"""Bytes of a stream that may come without anything for the client: comments, pings, chunks before the first text."""

MAX_LIST_BYTES = 16 * 1024 * 1024
"""Of a page of a model list."""

MAX_MODEL_PAGES = 50
_MAX_EMPTY_CHUNKS = 1000
_MAX_SILENT_EVENTS = 10_000
_MOST_AT_ONCE = 64 * 1024
"""Bytes of a stream that are decoded before other calls have their turn."""


_HANG_UP = 0.25
"""Seconds a provider gets to close a stream it has ended, so that its connection can be used again."""


class Upstream:
    """Sends requests to providers over one pool of connections.

    Args:
        max_connections: The size of the pool.
    """

    def __init__(self, max_connections: int) -> None:
        self._shares = Shares(max_connections)
        self._session = new_session(max_connections, keep=True)
        self._unpooled = new_session(max_connections, keep=False)

    @property
    def open_calls(self) -> int:
        """Provider calls that hold a connection now, or wait for one."""
        return self._shares.taken

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()
        await self._unpooled.close()

    async def complete(
        self,
        provider: Provider,
        credential: Credential,
        wire: WireRequest,
        deadline: float,
        *,
        caller: str = "",
        fresh: bool = False,
    ) -> Chunk:
        """Returns the provider's whole answer, as a canonical completion.

        Args:
            provider: Whom to ask.
            credential: With which of its keys.
            wire: What its adapter made of the request.
            deadline: Loop time at which the caller stops waiting.
            caller: The hash of the key that asks: connections are shared out among these.
            fresh: Whether to open a connection for this request alone.

        Raises:
            UnreadError: The provider closed the connection before it read the request. Not with `fresh`.
            ProviderError: The provider failed.
            ARouterError: DEADLINE_EXCEEDED; UNAVAILABLE, if the provider or the caller has its share of connections.
        """
        clock = Clock(provider, deadline)
        with clock:
            async with asyncio.timeout_at(clock.total):
                async with await self._call(provider, credential, wire, clock, caller, fresh) as call:
                    return provider.adapter.decode(await read_all(call.body))

    async def open_stream(
        self,
        provider: Provider,
        credential: Credential,
        wire: WireRequest,
        deadline: float,
        *,
        caller: str = "",
        fresh: bool = False,
    ) -> ProviderStream:
        """Returns a stream whose first meaningful chunk is in hand. The caller must close it.

        Takes what `complete` takes and raises what it raises.
        """
        clock = Clock(provider, deadline)
        with clock:
            async with asyncio.timeout_at(clock.first_token):
                call = await self._call(provider, credential, wire, clock, caller, fresh)
                stream = ProviderStream(provider, call, clock)
                try:
                    await stream.start()
                except BaseException:
                    call.close()
                    raise
                return stream

    async def list_models(self, provider: Provider) -> ListedModels:
        """Returns the provider's own model list, read with the first of its keys that is not refused.

        Of more than `MAX_MODELS` entries the first are taken.

        Raises:
            ProviderError: The provider failed. It is not logged.
        """
        *others, last = provider.credentials
        for credential in others:
            try:
                return await self._list_models(provider, credential)
            except ProviderError as error:
                if error.failure is not Failure.PROVIDER_CREDENTIALS:
                    raise
        return await self._list_models(provider, last)

    async def _list_models(self, provider: Provider, credential: Credential) -> ListedModels:
        clock = Clock(provider, math.inf, log=False)
        listed = ListedModels()
        path = provider.adapter.models_path
        with clock:
            async with asyncio.timeout_at(clock.first_token):
                for _ in range(MAX_MODEL_PAGES):
                    async with await self._call(provider, credential, WireRequest(path, None), clock) as call:
                        body = await read_all(call.body, MAX_LIST_BYTES)
                    # In a thread: an entry takes some twenty microseconds.
                    models, next_path = await asyncio.to_thread(provider.adapter.decode_models, body)
                    listed.add(models, MAX_MODELS)
                    if next_path is None or len(listed) == MAX_MODELS:
                        return listed
                    path = next_path
                raise bad_response(f"a model list of more than {MAX_MODEL_PAGES} pages")

    async def _call(
        self,
        provider: Provider,
        credential: Credential,
        wire: WireRequest,
        clock: Clock,
        caller: str = "",
        fresh: bool = False,
    ) -> _Call:
        share = self._shares.take(provider.id, caller)
        try:
            # Written once, on a connection that was not closed a moment before. Whether to send a POST again is decided
            # where attempts are counted; aiohttp repeats a GET once.
            response = await (self._unpooled if fresh else self._session).request(
                "GET" if wire.body is None else "POST",
                provider.base_url + wire.path,
                data=wire.body,
                headers={**wire.headers, **credential.headers, "content-type": "application/json"},
                # A redirect would carry the credential to wherever it points.
                allow_redirects=False,
                timeout=clock.connect,
            )
        except BaseException as error:
            # More calls than connections: this one has waited for a free one, and that is not the provider's fault.
            waited = self._shares.overtaken
            self._shares.give(share)
            if waited and isinstance(error, aiohttp.ConnectionTimeoutError):
                raise ARouterError(
                    Failure.UNAVAILABLE, "Too many provider calls are open. Try again shortly.", retry_after=1
                ) from error
            raise
        call = _Call(self._shares, share, response)
        if response.status != 200:
            async with call:
                answer = await read_error(response)
                raise provider.adapter.decode_error(response.status, answer, retry_after(response.headers))
        try:
            call.body = body_of(response)
        except ProviderError:
            call.close()
            raise
        return call


class _Call:
    """A provider's answer, from its headers on. Closing it gives the connection back or, unread, cuts it."""

    __slots__ = ("_open", "_response", "_share", "_shares", "body")

    body: Body

    def __init__(self, shares: Shares, share: Share, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._shares = shares
        self._share = share
        self._open = True

    async def __aenter__(self) -> _Call:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._shares.give(self._share)
            # Also right after a whole answer: its connection is already back in the pool by then.
            self._response.close()


class ProviderStream:
    """A streamed answer. Its first read is what `Upstream.open_stream` waited for."""

    __slots__ = (
        "_call",
        "_clock",
        "_content",
        "_decoder",
        "_ended",
        "_failure",
        "_held",
        "_parser",
        "_silent_bytes",
        "_silent_events",
        "_started",
        "_watchdog",
    )

    def __init__(self, provider: Provider, call: _Call, clock: Clock) -> None:
        self._call = call
        self._content = call.body
        self._clock = clock
        self._watchdog = Watchdog()
        self._parser = SseParser(MAX_EVENT_BYTES)
        self._decoder = provider.adapter.stream_decoder()
        self._held: list[Chunk] = []
        self._failure: ARouterError | None = None
        self._ended = False
        self._started = False
        self._silent_bytes = self._silent_events = 0

    @property
    def deadline(self) -> float:
        """Loop time at which the whole call must have ended."""
        return self._clock.total

    @property
    def usage(self) -> dict[str, Any] | None:
        """What the provider said was used, so far."""
        return self._decoder.usage

    @property
    def ended(self) -> bool:
        """Whether all chunks have been read, and the answer is complete."""
        return self._ended and not self._held and self._failure is None

    async def start(self) -> None:
        """Waits for the first meaningful chunk."""
        while True:
            if self._failure is not None:
                raise self._failure
            chunks = await self._receive()
            self._held += chunks
            if any(map(is_meaningful, chunks)):
                self._started = True
                self._silent_bytes = self._silent_events = 0
                return
            if len(self._held) > _MAX_EMPTY_CHUNKS:
                raise bad_response(f"{len(self._held)} chunks without content")

    async def read(self) -> list[Chunk]:
        """Returns all chunks that have arrived, waiting for at least one; an empty list only at the stream's end.

        Raises:
            ProviderError: The provider failed in the middle of its answer.
            ARouterError: DEADLINE_EXCEEDED.
        """
        if self._held:
            held, self._held = self._held, []
            return held
        with self._clock:
            while self._failure is None and not self._ended:
                with self._watchdog.until(self._clock.next_read()):
                    chunks = await self._receive()
                # A read that finds data does not wait, and so would never be timed out.
                self._clock.check_total()
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
                        await self._content.read(_MOST_AT_ONCE)
        except (TimeoutError, aiohttp.ClientError):
            pass
        finally:
            self._call.close()

    async def _receive(self) -> list[Chunk]:
        """Returns the chunks of one read. A failure behind good chunks is kept for the next read."""
        received = await self._content.read(_MOST_AT_ONCE)
        chunks: list[Chunk] = []
        try:
            if not received:
                self._ended = True
                return self._decoder.finish()
            events = self._parser.feed(received)
            for event in events:
                chunks += self._decoder.feed(event)
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
