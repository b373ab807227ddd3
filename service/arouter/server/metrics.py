"""A worker's metrics: measured at each call or sampled periodically, and the port that serves them."""

from __future__ import annotations

import os
import time
from collections import Counter

import prometheus_client

from arouter.calls.metrics import CallMetrics
from arouter.health.board import ProviderState
from arouter.health.breaker import State
from arouter.periodic import PeriodicTask
from arouter.server.metrics_port import open_metrics_port
from arouter.server.parts import Parts
from arouter.server.reload.reload import ConfigReload
from arouter.telemetry.instruments import Instruments

_INTERVAL = 1.0
"""Seconds between two samples of what is not measured at each call."""

_BREAKERS = {State.HEALTHY: "closed", State.LIMITED: "limited"}
"""The states in which the breaker of an endpoint and credential is not open."""

_LIMITS = ("minute", "day", "tokens", "spending")
_NO_ANSWER = "unavailable"


class Metrics:
    """Measures calls, and samples the parts once a second.

    The samples are taken by the event loop, since a scrape is served by another thread or another process.

    Args:
        address: IP address to listen on.
        port: The port to listen on; None if another process serves the combined metrics of several.

    Attributes:
        observe: Measures a call that has ended.
    """

    def __init__(self, address: str, port: int | None) -> None:
        self._address = address
        self._port = port
        self._registry = None if port is None else prometheus_client.CollectorRegistry()
        self._to = Instruments(self._registry)
        self._breakers: Counter[tuple[str, str, str]] = Counter()
        self._counted: dict[prometheus_client.Counter, int] = {}
        self._task: PeriodicTask | None = None
        self.observe = CallMetrics(self._to)

    def start(self, parts: Parts, reload: ConfigReload) -> None:
        """Opens the port, if there is one, and begins to sample.

        Args:
            parts: The parts of the worker.
            reload: Reports when the configuration was applied.

        Raises:
            ConfigError: The port cannot be opened.
        """
        self._parts, self._reload = parts, reload
        if self._registry is not None and self._port is not None:
            open_metrics_port(self._address, self._port, self._registry, lambda: {"service": os.getpid()})
        self._task = PeriodicTask("sample the metrics", self._look, _INTERVAL)
        self._task.start()

    async def stop(self) -> None:
        """Takes the last sample. The port stays open until the process ends."""
        if self._task is not None:
            await self._task.stop()
            await self._look()

    async def _look(self) -> None:
        to, parts = self._to, self._parts
        to.flush()
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
        to.database_up.set(not parts.key_cache_sync.is_away)
        to.keys_age.set(parts.key_cache.age)
        to.providers.set(len(parts.catalogue.providers))
        to.config_refused.set(self._reload.last_failed)
        to.config_applied.set(self._reload.applied_at)
        self._look_at_providers()
        self._look_at_breakers()

    def _count(self, counter: prometheus_client.Counter, total: int) -> None:
        """Increases a counter to a total that is counted elsewhere."""
        counter.inc(total - self._counted.get(counter, 0))
        self._counted[counter] = total

    def _look_at_providers(self) -> None:
        to, parts, now = self._to, self._parts, time.monotonic()
        sizes = parts.catalogue.sizes
        for provider in parts.catalogue.providers:
            up = parts.board.provider_state(provider.id, now) is not ProviderState.UNAVAILABLE
            to.provider_up[provider.id,].set(up)
            to.catalogue_models[provider.id,].set(sizes[provider.id])
            if provider.lists:
                to.catalogue_synced[provider.id,].set(parts.catalogue_sync.synced.get(provider.id, 0))

    def _look_at_breakers(self) -> None:
        seen: Counter[tuple[str, str, str]] = Counter()
        for id_, state in self._parts.board.states(time.monotonic()):
            seen[*self._to.models[id_], _BREAKERS.get(state, "open")] += 1
        # States that are no longer seen, for example of endpoints that the board has forgotten, become 0.
        for labels in self._breakers.keys() | seen.keys():
            if self._breakers[labels] != seen[labels]:
                self._to.breakers[labels].set(seen[labels])
        self._breakers = seen
