"""Keeps the catalogue in sync with the providers' model lists, the price list and the store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Collection, Mapping, Sequence, Set

from arouter.catalogue.catalogue import Catalogue
from arouter.catalogue.price_lookup import PriceLookupError, look_up
from arouter.catalogue.repository import CatalogueRepository
from arouter.errors import ARouterError, Failure, StoreError
from arouter.providers.adapter import ListedModel, ListedModels
from arouter.providers.driver import Upstream
from arouter.providers.model_pages import MAX_MODELS
from arouter.providers.provider import Provider

_FIRST_RETRY = 1.0
"""Initial delay in seconds before a failed list is read again; doubled each time, up to the interval."""

_PRICES_HOLD = 3600.0
"""Interval of price look-ups in seconds: some prices change at a date or with the time of day."""

_PRICE_RETRY = 60.0
"""Delay in seconds before a failed price look-up is repeated."""

_PRICE_PAUSE = 5.0
"""Minimum seconds between two look-ups, however often lists change, because each starts a process."""

_MAX_REASON = 500
"""Maximum length of a provider's error message in the log, in characters."""

_log = logging.getLogger(__name__)


class CatalogueSync:
    """Runs one background task per provider, which reads its model list periodically, and one for prices.

    A provider that is unreachable keeps its last list and is retried sooner. Without a working store only persistence
    is lost.

    Args:
        catalogue: The catalogue to update.
        upstream: The client for calling providers.
        store: Persists the lists.
        interval: Seconds between two reads of a list.

    Attributes:
        synced: When each provider's list was last read: seconds since the epoch by provider id.
    """

    def __init__(self, catalogue: Catalogue, upstream: Upstream, store: CatalogueRepository, interval: float) -> None:
        self.synced: dict[str, float] = {}
        self._catalogue = catalogue
        self._upstream = upstream
        self._store = store
        self._interval = interval
        self._prices: asyncio.Task[None] | None = None
        self._readers: dict[str, tuple[Provider, asyncio.Task[None]]] = {}
        self._taken: dict[str, int] = {}
        self._left_out: dict[str, tuple[int, int]] = {}
        self._priced: Set[tuple[str, str]] = frozenset()
        self._unpriced = asyncio.Event()

    async def start(self, timeout_seconds: float) -> None:
        """Loads the stored lists and starts the tasks.

        Waits up to `timeout_seconds` for lists that were never read before.
        """
        providers = self._catalogue.providers
        await self._restore(providers)
        self._prices = asyncio.create_task(self._follow_prices())
        first_reads = []
        for provider in providers:
            first_read = self._read(provider)
            if not self._catalogue.is_complete(provider):
                first_reads.append(asyncio.ensure_future(first_read.wait()))
        if first_reads:
            _, late = await asyncio.wait(first_reads, timeout=timeout_seconds)
            for waiter in late:
                waiter.cancel()

    async def configure(self, interval: float) -> None:
        """Applies a new interval and the catalogue's current providers.

        New and changed providers are read at once; all are, if the interval has changed.

        Args:
            interval: Seconds between two reads of a list.
        """
        providers = {provider.id: provider for provider in self._catalogue.providers}
        new = [provider for id_, provider in providers.items() if id_ not in self._readers]
        for id_, (provider, task) in list(self._readers.items()):
            if provider != providers.get(id_) or interval != self._interval:
                # Before anything else runs: no old task may update the catalogue for a provider that was removed.
                task.cancel()
                del self._readers[id_]
                self._taken.pop(id_, None)
        self._interval = interval
        if new:
            await self._restore(new)
        for id_, provider in providers.items():
            if id_ not in self._readers:
                self._read(provider)
        self._check_unpriced()

    async def stop(self) -> None:
        """Stops the tasks."""
        tasks = [task for _, task in self._readers.values()]
        if self._prices is not None:
            tasks.append(self._prices)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _read(self, provider: Provider) -> asyncio.Event:
        """Starts the task of a provider; returns an event that is set once the first read has succeeded or failed."""
        first_read = asyncio.Event()
        self._readers[provider.id] = provider, asyncio.create_task(self._follow(provider, first_read))
        return first_read

    async def _restore(self, providers: Collection[Provider]) -> None:
        now = int(time.time())
        try:
            stored = await self._store.load()
            for provider in providers:
                kept = stored.get(provider.id)
                if kept is not None:
                    if kept.listed is None:
                        self._catalogue.see(provider, kept.first_seen, now)
                    else:
                        await self._catalogue.follow(provider, kept.listed, now, kept.first_seen)
                elif provider.models:
                    self._catalogue.see(provider, await self._store.see(provider.id, provider.models, now), now)
        except StoreError as error:
            _log.warning("failed to read the catalogue from the store: %s", error)

    async def _follow(self, provider: Provider, first_read: asyncio.Event) -> None:
        """Reads one provider's list forever. Logs failures when their cause changes."""
        retry = min(_FIRST_RETRY, self._interval)
        last_failure: Failure | None = None
        while True:
            try:
                listed = await self._upstream.list_models(provider)
            except ARouterError as error:
                self._catalogue.note_failure(provider, error)
                if error.failure is not last_failure:
                    last_failure = error.failure
                    _log.warning(
                        "failed to read the model list of provider %s: %s", provider.id, _cause(provider, error)
                    )
                wait, retry = retry, min(retry * 2, self._interval)
            else:
                last_failure = None
                await self._take(provider, listed)
                self.synced[provider.id] = time.time()
                wait, retry = self._interval, min(_FIRST_RETRY, self._interval)
            first_read.set()
            # Jitter, so that processes do not send their requests at the same time.
            await asyncio.sleep(wait * random.uniform(0.9, 1.1))  # noqa: S311

    async def _take(self, provider: Provider, listed: ListedModels) -> None:
        self._warn(provider, listed)
        taken = await asyncio.to_thread(_hash, listed)
        if taken == self._taken.get(provider.id):
            return
        now = int(time.time())
        first_seen: Mapping[str, int] = {}
        try:
            await self._store.replace(provider.id, listed, now)
            first_seen = await self._store.see(provider.id, provider.models, now)
            self._taken[provider.id] = taken
        except StoreError as error:
            _log.warning("failed to store the model list of provider %s: %s", provider.id, error)
        await self._catalogue.follow(provider, listed, now, first_seen)
        _log.info("provider %s lists %d models", provider.id, len(listed))
        self._check_unpriced()

    def _warn(self, provider: Provider, listed: ListedModels) -> None:
        """Logs how many entries of a list are left out, when that number changes."""
        left_out = listed.unreadable, listed.beyond
        if left_out == self._left_out.get(provider.id, (0, 0)):
            return
        self._left_out[provider.id] = left_out
        if any(left_out):
            _log.warning(
                "entries of the model list of provider %s are left out: %d are invalid, %d are beyond the first %d",
                provider.id,
                *left_out,
                MAX_MODELS,
            )

    def _check_unpriced(self) -> None:
        if not self._catalogue.names <= self._priced:
            self._unpriced.set()

    async def _follow_prices(self) -> None:
        """Looks up prices at once, whenever models are new, and periodically."""
        while True:
            self._unpriced.clear()
            wanted = self._catalogue.names
            hold = _PRICES_HOLD
            try:
                await self._catalogue.follow_details(await look_up(wanted), int(time.time()))
                self._priced = wanted
            except PriceLookupError as error:
                _log.warning("failed to look up prices: %.500r", str(error))
                hold = _PRICE_RETRY
            await asyncio.sleep(_PRICE_PAUSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(hold):
                    await self._unpriced.wait()


def _hash(listed: Sequence[ListedModel]) -> int:
    """Returns a hash without `created`, because llama.cpp and vLLM set it to the current time."""
    return hash(tuple(hash((entry.name, entry.details)) for entry in listed))


def _cause(provider: Provider, error: ARouterError) -> str:
    """Returns the cause with the URL, and a hint at the likely mistake if the URL does not exist.

    The provider's text is truncated and escaped so that it cannot inject log lines.
    """
    hint = " Is its base_url right?" if error.failure is Failure.NOT_FOUND else ""
    return f"GET {provider.base_url}{provider.adapter.models_path}: {error.detail[:_MAX_REASON]!r}{hint}"
