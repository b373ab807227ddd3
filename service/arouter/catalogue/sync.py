"""Keeps the catalogue in step with the lists of those providers whose models are not configured."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from arouter.catalogue.catalogue import Catalogue
from arouter.errors import ARouterError
from arouter.providers.driver import Upstream
from arouter.providers.provider import Provider

_INTERVAL = 600.0
_FIRST_RETRY = 1.0
_log = logging.getLogger(__name__)


class ModelLists:
    """One background task a provider: reads its list now, and again every ten minutes.

    A provider that cannot be reached keeps its last list and is asked again sooner.
    """

    def __init__(self, catalogue: Catalogue, upstream: Upstream) -> None:
        self._catalogue = catalogue
        self._upstream = upstream
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, patience: float) -> None:
        """Starts the tasks and gives each list `patience` seconds to arrive."""
        unlisted = [provider for provider in self._catalogue.providers if provider.models is None]
        first_reads = []
        for provider in unlisted:
            first_read = asyncio.Event()
            first_reads.append(asyncio.ensure_future(first_read.wait()))
            self._tasks.append(asyncio.create_task(self._follow(provider, first_read)))
        if first_reads:
            _, late = await asyncio.wait(first_reads, timeout=patience)
            for waiter in late:
                waiter.cancel()

    async def stop(self) -> None:
        """Ends the tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, provider: Provider, first_read: asyncio.Event) -> None:
        """Reads one provider's list for ever. The driver logs why a read failed."""
        retry = _FIRST_RETRY
        while True:
            try:
                listed = await self._upstream.list_models(provider)
            except ARouterError as error:
                self._catalogue.note_failure(provider, error)
                wait, retry = retry, min(retry * 2, _INTERVAL)
            else:
                self._catalogue.replace(provider, listed, int(time.time()))
                _log.info("provider %s lists %d models", provider.id, len(listed))
                wait, retry = _INTERVAL, _FIRST_RETRY
            first_read.set()
            # Jitter, so that many processes do not ask in step.
            await asyncio.sleep(wait * random.uniform(0.9, 1.1))  # noqa: S311
