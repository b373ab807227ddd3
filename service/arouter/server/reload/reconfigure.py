"""The parts of a worker that take another configuration while calls are in flight."""

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
    """What `configure` changes. Each part stays the same object, with what it knows.

    `server/reload/config_diff.py` lists the fields that this covers.
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
        """Applies a configuration, for calls that begin from now on. Those in flight keep what they began with.

        Args:
            config: The whole.
            providers: What `build_providers` made of it.
        """
        planner, attempts = routing_parts(config.routing, self.catalogue, self.upstream, self.board)
        # Without a pause up to the first `await`: no call sees half of it.
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
        """Drops the health of providers that are gone, elsewhere or called with other credentials."""
        now = {provider.id: provider for provider in providers}
        for before in self.catalogue.providers:
            after = now.get(before.id)
            if after is None or not after.is_where(before):
                self.board.forget(before.id)


def routing_parts(
    config: RoutingConfig, catalogue: Catalogue, upstream: Upstream, board: HealthBoard
) -> tuple[Planner, Attempts]:
    """Returns who plans and who tries."""
    random = Random()  # noqa: S311 -- to balance, not to hide
    return Planner(catalogue, board, config, random), Attempts(upstream, board, config, random)


def cooling(config: BreakerConfig) -> Cooling:
    """Returns the times of the breakers."""
    return Cooling(config.failures, config.cooldown, config.max_cooldown)
