"""The parts of a worker below the gRPC server, built once in the order of their dependencies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from arouter.accounts.audit import AuditLog
from arouter.accounts.built_in import built_in_keys
from arouter.accounts.key_cache import KeyCache, KeyCacheSync
from arouter.accounts.management import Management
from arouter.calls.admission import Admission
from arouter.calls.attempts import Attempts
from arouter.calls.call_log import CallLog
from arouter.calls.pipeline import Observer, Pipeline
from arouter.calls.spans import end_spans
from arouter.calls.usage_records import UsageRecorder
from arouter.catalogue.catalogue import Catalogue
from arouter.catalogue.sync import CatalogueSync
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import BreakerConfig, Config
from arouter.health.board import HealthBoard
from arouter.health.breaker import Cooling
from arouter.limits.choice import open_limiter
from arouter.limits.limiter import Limiter
from arouter.limits.spending import SpendingSync
from arouter.planning.planner import Planner
from arouter.providers.driver import Upstream
from arouter.providers.provider import build_providers
from arouter.server.grpc_options import CALL_SLACK
from arouter.server.logs import event_writer
from arouter.server.revocation import Revocation
from arouter.sql.audit import SqlAuditRepository
from arouter.sql.catalogue import SqlCatalogueRepository
from arouter.sql.database import Database, database_url
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.management import SqlManagementRepository
from arouter.sql.usage import SqlUsageRepository
from arouter.telemetry.spans import NO_TRACER, Tracer
from arouter.usage.journal import Journal
from arouter.usage.recovery import Recovery
from arouter.usage.writer import UsageWriter

_USAGE_TIMEOUT = 10.0
"""Seconds that shutdown waits until the last usage records are in the database."""


@dataclass(frozen=True)
class Parts:
    """The parts that the gRPC services, the metrics and a reload use."""

    database: Database
    tracer: Tracer
    key_cache: KeyCache
    key_cache_sync: KeyCacheSync
    revocation: Revocation
    management: Management
    audit_log: AuditLog
    limiter: Limiter
    spending_sync: SpendingSync
    usage_repository: SqlUsageRepository
    usage_writer: UsageWriter
    upstream: Upstream
    catalogue: Catalogue
    catalogue_sync: CatalogueSync
    board: HealthBoard
    planner: Planner
    attempts: Attempts
    admission: Admission
    pipeline: Pipeline

    async def start(self, list_timeout: float) -> None:
        """Reads the database and starts the background tasks.

        Args:
            list_timeout: Seconds to wait for the providers' own model lists.
        """
        await self.key_cache_sync.start()
        self.revocation.start()
        await self.usage_writer.start()
        await self.limiter.start()
        await self.spending_sync.start()
        await self.catalogue_sync.start(list_timeout)

    async def stop(self) -> None:
        """Stops the background tasks and writes what is pending. No call may be in flight."""
        await self.catalogue_sync.stop()
        await self.spending_sync.stop()
        await self.revocation.stop()
        await self.key_cache_sync.stop()
        await self.limiter.close()
        await self.usage_writer.close(_USAGE_TIMEOUT)

    async def close(self) -> None:
        """Closes the connections to providers, to the database and to the collector of traces."""
        await self.upstream.close()
        await self.database.close()
        await self.tracer.close()


def build_parts(config: Config, environment: Environment, observers: Sequence[Observer]) -> Parts:
    """Returns the parts of a worker. Nothing runs yet.

    Args:
        config: The configuration of the service.
        environment: The environment of the process.
        observers: Called with each call that has ended, in addition to the tracer and the log.

    Raises:
        ConfigError: `config` or `environment` is invalid.
    """
    # Parts that may raise ConfigError come before those that would have to be closed then.
    built_in = built_in_keys(config, environment)
    key_cache = KeyCache(built_in, config.accounts.max_age)
    limiter = open_limiter(
        environment.redis_url,
        longest_call=config.longest_call + CALL_SLACK,
        when_down=config.limits.when_down,
        timeout=config.limits.timeout,
    )
    catalogue = Catalogue(build_providers(config, environment), int(time.time()), config.models)
    tracer = _tracer(environment)
    database = Database(database_url(environment.database_url, environment.state_dir))
    key_repository = SqlKeyCacheRepository(database)
    key_cache_sync = KeyCacheSync(key_cache, key_repository)
    spending_sync = SpendingSync(limiter, key_repository)
    key_cache_sync.listen(spending_sync.wake)
    usage_repository = SqlUsageRepository(database)
    journals = environment.state_dir / "usage"
    usage_writer = UsageWriter(
        usage_repository,
        Journal(journals, database.name, config.usage.max_journal_bytes),
        Recovery(journals, database.name, usage_repository),
        config.usage,
    )
    server = config.server
    upstream = Upstream(
        server.max_provider_connections, per_provider=server.max_connections_per_provider, proxy=server.https_proxy
    )
    board = HealthBoard(cooling(config.routing.breaker))
    random = Random()  # noqa: S311 -- balances load, hides nothing
    planner = Planner(catalogue, board, config.routing, random)
    attempts = Attempts(upstream, board, config.routing, random)
    admission = Admission()
    recorder = UsageRecorder(usage_writer)
    return Parts(
        database=database,
        tracer=tracer,
        key_cache=key_cache,
        key_cache_sync=key_cache_sync,
        revocation=Revocation(key_cache, admission),
        management=Management(SqlManagementRepository(database), built_in, key_cache_sync.look),
        audit_log=AuditLog(SqlAuditRepository(database)),
        limiter=limiter,
        spending_sync=spending_sync,
        usage_repository=usage_repository,
        usage_writer=usage_writer,
        upstream=upstream,
        catalogue=catalogue,
        catalogue_sync=CatalogueSync(
            catalogue, upstream, SqlCatalogueRepository(database), config.catalogue.sync_interval
        ),
        board=board,
        planner=planner,
        attempts=attempts,
        admission=admission,
        pipeline=Pipeline(
            planner,
            attempts,
            admission,
            limiter,
            recorder,
            (end_spans, CallLog(event_writer(CallLog.__module__)), *observers),
        ),
    )


def cooling(config: BreakerConfig) -> Cooling:
    """Returns the configuration of the breakers."""
    return Cooling(config.failures, config.cooldown, config.max_cooldown)


def _tracer(environment: Environment) -> Tracer:
    """Returns the tracer of calls.

    Raises:
        ConfigError: OpenTelemetry's SDK rejects one of its variables.
    """
    if environment.collector is None:
        return NO_TRACER
    from arouter.telemetry.tracing import OtelTracer

    try:
        return OtelTracer()
    except ValueError as error:
        raise ConfigError(f"a variable of OpenTelemetry (OTEL_…) is invalid: {error}") from error
