"""Applies another configuration to a worker while calls are in flight."""

from __future__ import annotations

import time
from collections.abc import Collection

from arouter.config.schema import Config
from arouter.providers.provider import Provider
from arouter.server.grpc_server import GrpcServer
from arouter.server.parts import Parts, cooling


async def reconfigure(parts: Parts, server: GrpcServer, config: Config, providers: Collection[Provider]) -> None:
    """Applies a configuration, for calls that begin from now on. Each part stays the same object, with its state.

    `config_diff.py` lists the fields that this covers.

    Args:
        parts: The parts of the worker.
        server: The gRPC server of the worker.
        config: The new configuration.
        providers: The providers that `build_providers` built from it.
    """
    # There is no `await` before all parts are replaced: no call sees half of the change.
    _forget_changed(parts, providers)
    parts.catalogue.configure(providers, int(time.time()), config.models)
    parts.board.configure(cooling(config.routing.breaker))
    parts.planner.configure(config.routing)
    parts.attempts.configure(config.routing)
    parts.limiter.configure(config.limits.when_down, config.limits.timeout)
    parts.usage_writer.configure(config.usage)
    parts.key_cache.max_age = config.accounts.max_age
    server.calls.keep_alive = config.server.keep_alive
    server.provider_health.configure([provider.id for provider in providers])
    await parts.catalogue_sync.configure(config.catalogue.sync_interval)


def _forget_changed(parts: Parts, providers: Collection[Provider]) -> None:
    """Drops the health of providers that were removed, moved or given other credentials."""
    now = {provider.id: provider for provider in providers}
    for before in parts.catalogue.providers:
        after = now.get(before.id)
        if after is None or not after.is_where(before):
            parts.board.forget(before.id)
