"""Puts the service together and runs it: the composition root."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, cast

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.accounts.audit import AuditLog
from arouter.accounts.built_in import built_in_keys
from arouter.accounts.key_cache import KeyCache, KeyCacheSync
from arouter.accounts.management import Management
from arouter.calls.admission import Admission
from arouter.calls.pipeline import Pipeline
from arouter.catalogue.catalogue import Catalogue
from arouter.catalogue.sync import CatalogueSync
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config
from arouter.health.board import HealthBoard
from arouter.limits.limiter import Limiter
from arouter.limits.spending import SpendingSync
from arouter.providers.driver import Upstream
from arouter.providers.provider import Provider, build_providers
from arouter.rpc.account_service import AccountService
from arouter.rpc.audit_service import AuditService
from arouter.rpc.chat_service import ChatService
from arouter.rpc.health import Health, add_reflection
from arouter.rpc.interceptors.auth import AuthInterceptor
from arouter.rpc.interceptors.handlers import HandlerFactory
from arouter.rpc.interceptors.receiving import Receiving
from arouter.rpc.key_service import KeyService
from arouter.rpc.method_table import MethodTable
from arouter.rpc.model_service import ModelService
from arouter.rpc.provider_health import ProviderHealth
from arouter.rpc.provider_service import ProviderService
from arouter.rpc.routing_service import RoutingService
from arouter.rpc.serving import ServingStatus
from arouter.rpc.usage_service import UsageService
from arouter.server.database import wait_for_schema
from arouter.server.grpc_options import CALL_SLACK, health_server_options, server_options
from arouter.server.ports import endpoint
from arouter.server.reload.reconfigure import Reconfiguration, cooling, routing_parts
from arouter.server.reload.reload import ConfigReload
from arouter.server.revocation import Revocation
from arouter.server.tls.credentials import server_credentials
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
from arouter.v1 import (
    account_service_pb2,
    account_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    chat_service_pb2,
    chat_service_pb2_grpc,
    key_service_pb2,
    key_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    provider_service_pb2,
    provider_service_pb2_grpc,
    routing_service_pb2,
    routing_service_pb2_grpc,
    usage_service_pb2,
    usage_service_pb2_grpc,
)

if TYPE_CHECKING:
    from arouter.server.metrics import Metrics

SERVICES = (
    account_service_pb2.DESCRIPTOR.services_by_name["AccountService"].full_name,
    audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name,
    chat_service_pb2.DESCRIPTOR.services_by_name["ChatService"].full_name,
    key_service_pb2.DESCRIPTOR.services_by_name["KeyService"].full_name,
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
    usage_service_pb2.DESCRIPTOR.services_by_name["UsageService"].full_name,
    provider_service_pb2.DESCRIPTOR.services_by_name["ProviderService"].full_name,
    routing_service_pb2.DESCRIPTOR.services_by_name["RoutingService"].full_name,
)

_LIST_TIMEOUT = 2.0
"""Seconds that start-up waits for the providers' own model lists; it goes on without those that are late."""

_USAGE_TIMEOUT = 10.0
"""Seconds that the end waits for the database to take the last usage records."""

_REFUSALS = 1.0
"""Seconds in which new calls are answered with UNAVAILABLE before connections are told to go away."""

_LAST_WORDS = 1.0
"""Seconds for calls to send their status once they are settled."""

_log = logging.getLogger(__name__)


class App:
    """One worker: a gRPC server on one port, and if wanted one for its health alone on another.

    Args:
        config: Of the service.
        environment: Of the process.
        share_port: Whether other processes listen on the same ports (`SO_REUSEPORT`).

    Attributes:
        reload: Takes a changed configuration.
    """

    def __init__(self, config: Config, environment: Environment, *, share_port: bool) -> None:
        self._config = config
        self._environment = environment
        self._share_port = share_port
        # First what may be wrong, then what would have to be closed.
        built_in = built_in_keys(config, environment)
        self._credentials = None if config.server.tls is None else server_credentials("server.tls", config.server.tls)
        self._directory = KeyCache(built_in, config.accounts.max_age)
        self._limiter = Limiter(
            environment.redis_url,
            longest_call=config.longest_call + CALL_SLACK,
            when_down=config.limits.when_down,
            patience=config.limits.timeout,
        )
        self._catalogue = Catalogue(build_providers(config, environment), int(time.time()), config.models)
        self._tracer = _tracer(environment)
        self._database = Database(database_url(environment.database_url, environment.state_dir))
        self._upstream = Upstream(config.server.max_provider_connections)
        ledger_store = SqlUsageRepository(self._database)
        journals = environment.state_dir / "usage"
        self._usage_writer = UsageWriter(
            ledger_store,
            Journal(journals, self._database.name, config.usage.max_journal_bytes),
            Recovery(journals, self._database.name, ledger_store),
            config.usage,
        )
        directory_store = SqlKeyCacheRepository(self._database)
        self._directory_sync = KeyCacheSync(self._directory, directory_store)
        board = HealthBoard(cooling(config.routing.breaker))
        self._spending_sync = SpendingSync(self._limiter, directory_store)
        self._sync = CatalogueSync(
            self._catalogue, self._upstream, SqlCatalogueRepository(self._database), config.catalogue.sync_interval
        )
        self._admission = Admission()
        self._revocation = Revocation(self._directory, self._admission)
        self._health = Health()
        self._serving = ServingStatus(self._health, ("", *SERVICES), lambda: self._directory.is_fresh)
        self.reload = ConfigReload(config, environment, self._configure)
        self._metrics = self._build_metrics(board) if environment.metrics_port else None
        self._provider_health = ProviderHealth(board, self._health, [each.id for each in self._catalogue.providers])
        self._health_server = aio.server(options=health_server_options(share_port=share_port))
        self._server = aio.server(
            interceptors=[
                AuthInterceptor(
                    self._directory,
                    self._directory_sync.look_for_new,
                    takes_workloads=bool(config.accounts.workloads),
                ),
            ],
            options=server_options(config, share_port=share_port),
        )
        planner, attempts = routing_parts(config.routing, self._catalogue, self._upstream, board)
        measure = self._metrics.measure if self._metrics else None
        pipeline = Pipeline(
            planner, attempts, self._admission, self._limiter, self._usage_writer, self._tracer, measure
        )
        chat = ChatService(pipeline, config.server.keep_alive)
        self._live = Reconfiguration(
            catalogue=self._catalogue,
            sync=self._sync,
            board=board,
            upstream=self._upstream,
            pipeline=pipeline,
            limiter=self._limiter,
            usage_writer=self._usage_writer,
            directory=self._directory,
            chat=chat,
            health=self._provider_health,
        )
        management = Management(SqlManagementRepository(self._database), built_in, self._directory_sync.look)
        handling = HandlerFactory(Receiving(config.server.max_bytes_in_flight), pipeline.count)
        methods = MethodTable(handling.wrap)
        to = cast("aio.Server", methods)
        account_service_pb2_grpc.add_AccountServiceServicer_to_server(AccountService(management), to)
        audit = AuditLog(SqlAuditRepository(self._database))
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server(AuditService(audit), to)
        chat_service_pb2_grpc.add_ChatServiceServicer_to_server(chat, to)
        key_service_pb2_grpc.add_KeyServiceServicer_to_server(KeyService(management), to)
        models = ModelService(self._catalogue, self._directory)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, to)
        provider_service_pb2_grpc.add_ProviderServiceServicer_to_server(ProviderService(self._catalogue, board), to)
        routing_service_pb2_grpc.add_RoutingServiceServicer_to_server(RoutingService(pipeline, self._catalogue), to)
        usage_service_pb2_grpc.add_UsageServiceServicer_to_server(UsageService(ledger_store), to)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, to)
        health_service = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        add_reflection((*SERVICES, health_service), methods)
        self._server.add_generic_rpc_handlers((methods,))
        health_methods = MethodTable(handling.wrap)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, cast("aio.Server", health_methods))
        self._health_server.add_generic_rpc_handlers((health_methods,))

    async def start(self) -> None:
        """Waits for the database, reads the model lists and says SERVING.

        Listens from the beginning, to say NOT_SERVING until then. On a port that it shares only then: it would get
        calls that the others could answer.

        Raises:
            ConfigError: A port cannot be had; the database belongs to a newer release.
        """
        await self._serving.prepare()
        address = self._bind(self._server, self._environment.grpc_port, "AROUTER_GRPC_PORT", self._credentials)
        if self._environment.health_port is not None:
            self._bind(self._health_server, self._environment.health_port, "AROUTER_HEALTH_PORT", None)
        if not self._share_port:
            await self._listen()
        if self._metrics is not None:
            self._metrics.start()
        if not self._catalogue.providers:
            _log.warning("no provider is on: set a provider's key variable, or name one in AROUTER_CONFIG")
        await wait_for_schema(self._database)
        await self._directory_sync.start()
        self._revocation.start()
        await self._usage_writer.start()
        await self._limiter.start()
        await self._spending_sync.start()
        await self._sync.start(_LIST_TIMEOUT)
        await self._provider_health.start()
        self.reload.start()
        await self._serving.start()
        if self._share_port:
            await self._listen()
        _log.info("serving on %s%s", address, "" if self._credentials is None else " with TLS")

    async def stop(self, hurry: asyncio.Event) -> None:
        """Says NOT_SERVING, after the configured delay refuses new calls, lets the others finish, closes everything.

        Calls get the configured grace, or until `hurry` is set. Health watches and other endless streams do not hold
        the end up.
        """
        grace = self._config.server.drain_grace
        await self.reload.stop()
        await self._serving.stop()
        await self._provider_health.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.server.drain_delay):
                await hurry.wait()
        self._admission.close()
        _log.info("draining: %d calls in flight", self._admission.in_flight)
        idle = asyncio.ensure_future(self._admission.idle())
        hurried = asyncio.ensure_future(hurry.wait())
        # First our own refusals, then GOAWAY, which sends clients elsewhere: a call that crosses it ends as CANCELLED.
        refusing = min(_REFUSALS, grace)
        await asyncio.wait({idle, hurried}, timeout=refusing, return_when=asyncio.FIRST_COMPLETED)
        # Longer than the grace, at whose end the calls are to say why they end.
        stopped = asyncio.ensure_future(self._server.stop(grace + _LAST_WORDS))
        await asyncio.wait({stopped, idle, hurried}, timeout=grace - refusing, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            _log.warning("ending %d calls still in flight", self._admission.in_flight)
            self._admission.expire()
        await self._server.stop(_LAST_WORDS)
        for waiter in (stopped, idle, hurried):
            waiter.cancel()
        await self._sync.stop()
        await self._spending_sync.stop()
        await self._revocation.stop()
        await self._directory_sync.stop()
        await self._limiter.close()
        await self._usage_writer.close(_USAGE_TIMEOUT)
        if self._metrics is not None:
            await self._metrics.stop()
        await self._upstream.close()
        await self._database.close()
        await self._tracer.close()
        # Last: until the process ends, probes are to hear that it drains.
        await self._health_server.stop(None)

    async def _configure(self, config: Config, providers: Collection[Provider]) -> None:
        self._config = config
        await self._live.configure(config, providers)

    def _build_metrics(self, board: HealthBoard) -> Metrics:
        # Imported only where it is wanted.
        from arouter.server.metrics import Metrics, Parts

        parts = Parts(
            self._admission,
            self._upstream,
            board,
            self._usage_writer,
            self._limiter,
            self._catalogue,
            self._sync,
            self.reload,
            self._directory,
            self._directory_sync,
        )
        port = None if self._share_port else self._environment.metrics_port
        return Metrics(parts, self._environment.listen_address, port)

    def _bind(self, server: aio.Server, port: int, variable: str, credentials: grpc.ServerCredentials | None) -> str:
        address = endpoint(self._environment.listen_address, port)
        try:
            if credentials is None:
                server.add_insecure_port(address)
            else:
                server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ConfigError(f"cannot listen on {address} ({variable}): it is taken or not allowed") from error
        return address

    async def _listen(self) -> None:
        await self._server.start()
        await self._health_server.start()


def _tracer(environment: Environment) -> Tracer:
    """Returns what traces calls.

    Raises:
        ConfigError: OpenTelemetry's SDK cannot use one of its variables.
    """
    if environment.collector is None:
        return NO_TRACER
    from arouter.telemetry.tracing import OtelTracer

    try:
        return OtelTracer()
    except ValueError as error:
        raise ConfigError(f"a variable of OpenTelemetry (OTEL_…): {error}") from error
