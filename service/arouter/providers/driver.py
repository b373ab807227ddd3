"""The HTTP client for providers: connection pool, deadlines, cancellation and error mapping."""

from __future__ import annotations

import asyncio
import math

from arouter.chat.chunks import Chunk
from arouter.config.secret import Secret
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.adapter import ListedModels, WireRequest
from arouter.providers.bodies import body_of
from arouter.providers.call_timer import CallTimer
from arouter.providers.deadlines import CallDeadlines
from arouter.providers.error_mapping import ErrorMapping
from arouter.providers.http.errors import ConnectTimeoutError
from arouter.providers.http.pool import Pool
from arouter.providers.http.tunnel import parse_proxy
from arouter.providers.model_pages import MAX_MODELS
from arouter.providers.provider import Credential, Provider
from arouter.providers.provider_errors import bad_response
from arouter.providers.provider_stream import ProviderExchange, ProviderStream
from arouter.providers.reading import read_all, read_error, retry_after
from arouter.providers.shares import Shares
from arouter.providers.tool_names import restore_names

MAX_LIST_BYTES = 16 * 1024 * 1024
"""Maximum size of a page of a model list."""

MAX_MODEL_PAGES = 50


class Upstream:
    """Sends requests to providers over one pool of connections.

    Args:
        max_connections: The size of the pool.
        per_provider: Maximum number of connections to one provider; by default three quarters of the pool.
        proxy: URL of the HTTP proxy for providers with https, if there is one.
    """

    def __init__(self, max_connections: int, *, per_provider: int | None = None, proxy: Secret | None = None) -> None:
        self._shares = Shares(max_connections, per_provider or math.ceil(max_connections * 3 / 4))
        tunnel = None if proxy is None else parse_proxy(proxy.reveal())
        self._pool = Pool(max_connections, keep=True, proxy=tunnel)
        self._unpooled = Pool(max_connections, keep=False, proxy=tunnel)

    @property
    def open_calls(self) -> int:
        """Number of provider calls that hold a connection or wait for one."""
        return self._shares.taken

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()
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
        """Returns the provider's complete answer as a canonical completion.

        Args:
            provider: The provider.
            credential: Which of its credentials to use.
            wire: The request, encoded by the provider's adapter.
            deadline: Loop time at which the caller stops waiting.
            caller: The hash of the caller's key; connections are shared fairly between keys.
            fresh: Whether to use a new connection, for this request only.

        Raises:
            UnreadError: The provider closed a reused connection before it read the request. Never with `fresh`.
            ProviderError: The provider failed.
            ARouterError: DEADLINE_EXCEEDED; UNAVAILABLE if the provider or the caller has used up its connections.
        """
        deadlines = CallDeadlines(provider.timeouts, deadline)
        timer = CallTimer(deadlines.total)
        try:
            with timer:
                call = await self._call(provider, credential, wire, deadlines, caller, fresh)
                try:
                    completion = (wire.reader or provider.adapter).decode(await read_all(call.body))
                finally:
                    call.close()
        except Exception as error:
            ErrorMapping(provider, deadlines).raise_mapped(error)
            raise
        finally:
            timer.close()
        if wire.names:
            restore_names(completion["choices"], "message", wire.names)
        return completion

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
        """Returns a stream after its first meaningful chunk has arrived. The caller must close it.

        Takes the same arguments as `complete` and raises the same errors.
        """
        deadlines = CallDeadlines(provider.timeouts, deadline)
        errors, timer = ErrorMapping(provider, deadlines), CallTimer(deadlines.first_token)
        try:
            with errors, timer:
                call = await self._call(provider, credential, wire, deadlines, caller, fresh)
                stream = ProviderStream(wire.reader or provider.adapter, call, deadlines, timer, errors, wire.names)
                try:
                    await stream.start()
                except BaseException:
                    call.close()
                    raise
                return stream
        except BaseException:
            timer.close()
            raise

    async def list_models(self, provider: Provider) -> ListedModels:
        """Returns the provider's model list, read with the first of its credentials that it accepts.

        Truncated to the first `MAX_MODELS` entries.

        Raises:
            ProviderError: The provider failed. Not logged here.
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
        deadlines = CallDeadlines(provider.timeouts, math.inf)
        listed = ListedModels()
        path = provider.adapter.models_path
        with ErrorMapping(provider, deadlines, log=False):
            async with asyncio.timeout_at(deadlines.first_token):
                for _ in range(MAX_MODEL_PAGES):
                    call = await self._call(provider, credential, WireRequest(path, None), deadlines)
                    try:
                        body = await read_all(call.body, MAX_LIST_BYTES)
                    finally:
                        call.close()
                    # In a thread, because decoding takes about twenty microseconds per entry.
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
        deadlines: CallDeadlines,
        caller: str = "",
        fresh: bool = False,
    ) -> ProviderExchange:
        share = self._shares.take(provider.id, caller)
        try:
            # Sent once: whether to resend a POST after a connection was closed is decided in `calls/attempts.py`.
            # A redirect, which would send the credential to another host, is not followed.
            response = await (self._unpooled if fresh else self._pool).request(
                provider.base_url,
                wire.path,
                wire.body,
                # A client may choose the version of the protocol that the credential's headers name.
                {**credential.headers, **wire.headers}.items(),
                deadlines.connect,
            )
        except BaseException as error:
            # If the call waited for a free connection of the pool, the timeout is not the provider's fault.
            waited = self._shares.overtaken
            self._shares.give(share)
            if waited and isinstance(error, ConnectTimeoutError):
                raise ARouterError(
                    Failure.UNAVAILABLE, "Too many provider calls are open. Try again shortly.", retry_after=1
                ) from error
            raise
        call = ProviderExchange(self._shares, share, response)
        if response.status != 200:
            try:
                answer = await read_error(response)
            finally:
                call.close()
            raise (wire.reader or provider.adapter).decode_error(response.status, answer, retry_after(response.headers))
        try:
            call.body = body_of(response)
        except ProviderError:
            call.close()
            raise
        return call
