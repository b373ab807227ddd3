"""The one place that does HTTP to providers: pooling, deadlines, cancellation and the classification of failures."""

from __future__ import annotations

import asyncio
import email.utils
import math
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp

from arouter import __version__
from arouter.chat.chunks import Chunk, is_meaningful
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.adapter import ListedModel, WireRequest
from arouter.providers.deadlines import Clock
from arouter.providers.provider import Credential, Provider
from arouter.providers.provider_errors import bad_response
from arouter.providers.sse import EventTooLargeError, SseParser
from arouter.providers.tool_names import restore_in_chunks, restore_names
from arouter.providers.watchdog import Watchdog

MAX_EVENT_BYTES = 10 * 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_MODEL_PAGES = 50
_LONGEST_RETRY_AFTER = 3600
_MAX_EMPTY_CHUNKS = 1000
_ERROR_PATIENCE = 2.0
"""Seconds that the body of an error gets: its status says enough."""

_HANG_UP = 0.25
"""Seconds a provider gets to close a stream it has ended, so that its connection can be used again."""


class Upstream:
    """Sends requests to providers over one pool of connections.

    Attributes:
        open_calls: Provider calls that hold a connection now.
    """

    def __init__(self, max_connections: int) -> None:
        self.open_calls = 0
        self._max_connections = max_connections
        reuse = aiohttp.TraceConfig()
        reuse.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Ours are the four deadlines; a body that is compressed would arrive later than it was written.
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"user-agent": f"arouter/{__version__}", "accept-encoding": "identity"},
            auto_decompress=False,
            trace_configs=[reuse],
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()

    async def complete(self, provider: Provider, credential: Credential, wire: WireRequest, deadline: float) -> Chunk:
        """Returns the provider's whole answer, as a canonical completion.

        Args:
            provider: Whom to ask.
            credential: With which of its keys.
            wire: What its adapter made of the request.
            deadline: Loop time at which the caller stops waiting.

        Raises:
            ProviderError: The provider failed.
            ARouterError: DEADLINE_EXCEEDED.
        """
        clock = Clock(provider, deadline)
        with clock:
            async with asyncio.timeout_at(clock.total):
                async with await self._call(provider, credential, wire, clock) as call:
                    completion = provider.adapter.decode(await _read_all(call.response))
        if wire.names:
            restore_names(completion["choices"], "message", wire.names)
        return completion

    async def open_stream(
        self, provider: Provider, credential: Credential, wire: WireRequest, deadline: float
    ) -> ProviderStream:
        """Returns a stream whose first meaningful chunk is in hand. The caller must close it.

        Takes what `complete` takes and raises what it raises.
        """
        clock = Clock(provider, deadline)
        with clock:
            async with asyncio.timeout_at(clock.first_token):
                call = await self._call(provider, credential, wire, clock)
                stream = ProviderStream(provider, call, clock, wire.names)
                try:
                    await stream.start()
                except BaseException:
                    call.close()
                    raise
                return stream

    async def list_models(self, provider: Provider) -> list[ListedModel]:
        """Returns the provider's own model list, read with the first of its keys that is not refused.

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

    async def _list_models(self, provider: Provider, credential: Credential) -> list[ListedModel]:
        clock = Clock(provider, math.inf, log=False)
        listed: list[ListedModel] = []
        path = provider.adapter.models_path
        with clock:
            async with asyncio.timeout_at(clock.first_token):
                for _ in range(MAX_MODEL_PAGES):
                    async with await self._call(provider, credential, WireRequest(path, None), clock) as call:
                        models, next_path = provider.adapter.decode_models(await _read_all(call.response))
                    listed += models
                    if next_path is None:
                        return listed
                    path = next_path
                raise bad_response(f"a model list of more than {MAX_MODEL_PAGES} pages")

    async def _call(self, provider: Provider, credential: Credential, wire: WireRequest, clock: Clock) -> _Call:
        self.open_calls += 1
        try:
            response = await self._send(provider, credential, wire, clock)
        except BaseException as error:
            # More calls than connections: this one has waited for a free one, and that is not the provider's fault.
            waited = self.open_calls > self._max_connections
            self.open_calls -= 1
            if waited and isinstance(error, aiohttp.ConnectionTimeoutError):
                raise ARouterError(
                    Failure.UNAVAILABLE, "Too many provider calls are open. Try again shortly.", retry_after=1
                ) from error
            raise
        call = _Call(self, response)
        if response.status != 200:
            async with call:
                answer = await _read_error(response)
                raise provider.adapter.decode_error(response.status, answer, _retry_after(response.headers))
        return call

    async def _send(
        self, provider: Provider, credential: Credential, wire: WireRequest, clock: Clock
    ) -> aiohttp.ClientResponse:
        """Returns the answer's headers.

        A provider may close a connection that was kept alive just as the next call goes out on it. It has not answered,
        so the call goes out again; on a connection of its own that would be the provider's failure.
        """
        while True:
            connection = _Connection()
            try:
                return await self._session.request(
                    "GET" if wire.body is None else "POST",
                    provider.base_url + wire.path,
                    data=wire.body,
                    headers={**wire.headers, **credential.headers, "content-type": "application/json"},
                    # A redirect would carry the credential to wherever it points.
                    allow_redirects=False,
                    timeout=clock.connect,
                    trace_request_ctx=connection,
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not connection.reused:
                    raise


class _Connection:
    """What was noted of the connection that a call went out on."""

    reused = False


async def _note_reuse(_session: object, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.reused = True


class _Call:
    """A provider's answer, from its headers on. Closing it gives the connection back or, unread, cuts it."""

    __slots__ = ("_open", "_upstream", "response")

    def __init__(self, upstream: Upstream, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self._upstream = upstream
        self._open = True

    async def __aenter__(self) -> _Call:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._upstream.open_calls -= 1
            # Also right after a whole answer: its connection is already back in the pool by then.
            self.response.close()


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
        "_names",
        "_parser",
        "_watchdog",
    )

    def __init__(self, provider: Provider, call: _Call, clock: Clock, names: Mapping[str, str]) -> None:
        self._call = call
        self._names = names
        self._content = call.response.content
        self._clock = clock
        self._watchdog = Watchdog()
        self._parser = SseParser(MAX_EVENT_BYTES)
        self._decoder = provider.adapter.stream_decoder()
        self._held: list[Chunk] = []
        self._failure: ARouterError | None = None
        self._ended = False

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
                        await self._content.readany()
        except (TimeoutError, aiohttp.ClientError):
            pass
        finally:
            self._call.close()

    async def _receive(self) -> list[Chunk]:
        """Returns the chunks of one read. A failure behind good chunks is kept for the next read."""
        received = await self._content.readany()
        chunks: list[Chunk] = []
        try:
            if not received:
                self._ended = True
                return self._decoder.finish()
            for event in self._parser.feed(received):
                decoded = self._decoder.feed(event)
                if self._decoder.joiner.active:
                    decoded = self._decoder.joiner.join(decoded)
                if self._names:
                    restore_in_chunks(decoded, self._names)
                chunks += decoded
                if self._decoder.done:
                    self._ended = True
                    break
        except EventTooLargeError as error:
            self._failure = bad_response(str(error))
        except ARouterError as error:
            self._failure = error
        return chunks


async def _read_all(response: aiohttp.ClientResponse) -> bytes:
    body = await _read_up_to(response, MAX_ANSWER_BYTES)
    if len(body) > MAX_ANSWER_BYTES:
        raise bad_response(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    return body


async def _read_error(response: aiohttp.ClientResponse) -> bytes:
    try:
        async with asyncio.timeout(_ERROR_PATIENCE):
            return await _read_up_to(response, MAX_ERROR_BYTES)
    except (TimeoutError, aiohttp.ClientError):
        return b""


async def _read_up_to(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Returns the body, or a little more than `limit` bytes of a longer one."""
    parts: list[bytes] = []
    size = 0
    while size <= limit and (part := await response.content.readany()):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """Returns `retry-after` in whole seconds, rounded up and at most an hour, or None (RFC 9110 §10.2.3)."""
    text = headers.get("retry-after")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError, TypeError):
            return None
    return min(max(math.ceil(seconds), 0), _LONGEST_RETRY_AFTER) if math.isfinite(seconds) else None
