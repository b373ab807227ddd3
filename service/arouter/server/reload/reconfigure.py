"""Applies a new configuration to the parts of a running worker."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from arouter.accounts.key_cache import KeyCache
from arouter.calls.attempts import Attempts
from arouter.calls.pipeline import Pipeline
from arouter.catalogue.catalogue import Catalogue
from arouter.catalogue.sync import CatalogueSync
from arouter.config.schema import BreakerConfig, Config, RoutingConfig
from arouter.health.board import HealthBoard
from arouter.health.breaker import Cooling
from arouter.limits.limiter import Limiter
from arouter.planning.planner import Planner
from arouter.providers.driver import Upstream
from arouter.providers.provider import Provider
from arouter.rpc.chat_service import ChatService
from arouter.rpc.provider_health import ProviderHealth
from arouter.usage.writer import UsageWriter


@dataclass(frozen=True)
class Reconfiguration:
    """The parts that a new configuration changes. Each remains the same object and keeps its state.

    `server/reload/config_diff.py` lists the fields that are covered.
    """

    catalogue: Catalogue
    sync: CatalogueSync
    board: HealthBoard
    upstream: Upstream
    pipeline: Pipeline
    limiter: Limiter
    usage_writer: UsageWriter
    directory: KeyCache
    chat: ChatService
    health: ProviderHealth

    async def configure(self, config: Config, providers: Collection[Provider]) -> None:
        """Applies a configuration to new calls. Calls in flight keep the configuration they started with.

        Args:
            config: The complete configuration.
            providers: The providers, built from `config`.
        """
        planner, attempts = routing_parts(config.routing, self.catalogue, self.upstream, self.board)
        # No `await` before the last step, so that no call sees a partly applied configuration.
        self._forget_changed(providers)
        self.catalogue.configure(providers, int(time.time()), config.models)
        self.board.configure(cooling(config.routing.breaker))
        self.pipeline.configure(planner, attempts)
        self.limiter.configure(config.limits.when_down, config.limits.timeout)
        self.usage_writer.configure(config.usage)
        self.directory.max_age = config.accounts.max_age
        self.chat.keep_alive = config.server.keep_alive
        self.health.configure([provider.id for provider in providers])
        await self.sync.configure(config.catalogue.sync_interval)

    def _forget_changed(self, providers: Collection[Provider]) -> None:
        """Removes the health state of providers that were removed or whose URL or credentials have changed."""
        now = {provider.id: provider for provider in providers}
        for before in self.catalogue.providers:
            after = now.get(before.id)
            if after is None or not after.is_where(before):
                self.board.forget(before.id)


def routing_parts(
    config: RoutingConfig, catalogue: Catalogue, upstream: Upstream, board: HealthBoard
) -> tuple[Planner, Attempts]:
    """Returns the planner and the attempts for a routing configuration."""
    random = Random()  # noqa: S311 -- for load balancing, not for security
    return Planner(catalogue, board, config, random), Attempts(upstream, board, config, random)


def cooling(config: BreakerConfig) -> Cooling:
    """Returns the breaker settings."""
    return Cooling(config.failures, config.cooldown, config.max_cooldown)
