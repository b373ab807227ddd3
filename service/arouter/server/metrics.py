"""The metrics of a worker: counted per call or sampled periodically, and the port that exports them."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass

import prometheus_client

from arouter.accounts.key_cache import KeyCache, KeyCacheSync
from arouter.calls.admission import Admission
from arouter.calls.metrics import Meter
from arouter.catalogue.catalogue import Catalogue
from arouter.catalogue.sync import CatalogueSync
from arouter.health.board import HealthBoard, ProviderState
from arouter.health.breaker import State
from arouter.limits.limiter import Limiter
from arouter.providers.driver import Upstream
from arouter.server.metrics_port import open_metrics_port
from arouter.server.reload.reload import ConfigReload
from arouter.telemetry.instruments import Instruments
from arouter.usage.writer import UsageWriter

_INTERVAL = 1.0
"""Interval in seconds of samples of values that cannot be counted per call."""

_BREAKERS = {State.HEALTHY: "closed", State.LIMITED: "limited"}
"""States of a breaker by an endpoint's state; in any other state it is open."""

_LIMITS = ("minute", "day", "tokens", "spending")
_NO_ANSWER = "unavailable"


@dataclass(frozen=True)
class Parts:
    """The sampled parts of the service."""

    admission: Admission
    upstream: Upstream
    board: HealthBoard
    usage_writer: UsageWriter
    limiter: Limiter
    catalogue: Catalogue
    sync: CatalogueSync
    reload: ConfigReload
    directory: KeyCache
    directory_sync: KeyCacheSync


class Metrics:
    """Measures calls, and samples the parts once a second.

    Samples are taken on the event loop, because a scrape runs in another thread or process.

    Args:
        parts: The parts to sample.
        address: IP address to listen on.
        port: Port to listen on; None if another process exports the metrics of all workers.
    """

    def __init__(self, parts: Parts, address: str, port: int | None) -> None:
        self._parts = parts
        self._address = address
        self._port = port
        self._registry = None if port is None else prometheus_client.CollectorRegistry()
        self._to = Instruments(self._registry)
        self._breakers: Counter[tuple[str, str, str]] = Counter()
        self._counted: dict[prometheus_client.Counter, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.measure = Meter(self._to).measure

    def start(self) -> None:
        """Opens the port, if there is one, and starts sampling.

        Raises:
            ConfigError: The port cannot be bound.
        """
        if self._registry is not None and self._port is not None:
            open_metrics_port(self._address, self._port, self._registry, lambda: {"service": os.getpid()})
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Takes the last sample. The port stays open until the process ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._sample()

    async def _follow(self) -> None:
        while True:
            self._sample()
            await asyncio.sleep(_INTERVAL)

    def _sample(self) -> None:
        to, parts = self._to, self._parts
        to.in_flight.set(parts.admission.in_flight)
        to.provider_calls.set(parts.upstream.open_calls)
        to.usage_queue.set(parts.usage_writer.waiting)
        self._count(to.usage_written, parts.usage_writer.written)
        self._count(to.usage_lost, parts.usage_writer.shed)
        self._count(to.usage_recovered, parts.usage_writer.recovered)
        self._count(to.usage_unjournalled, parts.usage_writer.unjournalled)
        to.usage_oldest_age.set(parts.usage_writer.oldest_age(time.time()))
        self._count(to.limits_unchecked, parts.limiter.unchecked)
        self._count(to.limit_denials[_NO_ANSWER,], parts.limiter.denied)
        for limit in _LIMITS:
            self._count(to.limit_denials[limit,], parts.limiter.refused[limit])
        to.database_up.set(not parts.directory_sync.is_away)
        to.keys_age.set(parts.directory.age)
        to.providers.set(len(parts.catalogue.providers))
        to.config_refused.set(parts.reload.last_failed)
        to.config_applied.set(parts.reload.applied_at)
        self._sample_providers()
        self._sample_breakers()

    def _count(self, counter: prometheus_client.Counter, total: int) -> None:
        """Raises a counter to a total that is counted elsewhere."""
        counter.inc(total - self._counted.get(counter, 0))
        self._counted[counter] = total

    def _sample_providers(self) -> None:
        to, parts, now = self._to, self._parts, time.monotonic()
        sizes = parts.catalogue.sizes
        for provider in parts.catalogue.providers:
            up = parts.board.provider_state(provider.id, now) is not ProviderState.UNAVAILABLE
            to.provider_up[provider.id,].set(up)
            to.catalogue_models[provider.id,].set(sizes[provider.id])
            if provider.lists:
                to.catalogue_synced[provider.id,].set(parts.sync.synced.get(provider.id, 0))

    def _sample_breakers(self) -> None:
        seen: Counter[tuple[str, str, str]] = Counter()
        for id_, state in self._parts.board.states(time.monotonic()):
            seen[*self._to.models[id_], _BREAKERS.get(state, "open")] += 1
        # Breakers that the board has removed count as zero.
        for labels in self._breakers.keys() | seen.keys():
            if self._breakers[labels] != seen[labels]:
                self._to.breakers[labels].set(seen[labels])
        self._breakers = seen
