"""The gRPC servers of a worker: one for all services, and one with only the health service on a separate port."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.calls.token_counter import TokenCounter
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config
from arouter.dialects.completions.dialect import CompletionsDialect
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.dialects.messages.dialect import MessagesDialect
from arouter.dialects.responses.dialect import ResponsesDialect
from arouter.rpc.account_service import AccountService
from arouter.rpc.audit_service import AuditService
from arouter.rpc.calls import ChatCalls
from arouter.rpc.chat_service import ChatService
from arouter.rpc.completion_service import CompletionService
from arouter.rpc.dialect_service import DialectService
from arouter.rpc.embedding_service import EmbeddingService
from arouter.rpc.generative_service import GenerativeService
from arouter.rpc.health import Health, add_reflection
from arouter.rpc.interceptors.auth import Authentication
from arouter.rpc.interceptors.handlers import HandlerFactory
from arouter.rpc.interceptors.receiving import Receiving
from arouter.rpc.key_service import KeyService
from arouter.rpc.message_service import MessageService
from arouter.rpc.method_table import MethodTable
from arouter.rpc.model_service import ModelService
from arouter.rpc.provider_health import ProviderHealth
from arouter.rpc.provider_service import ProviderService
from arouter.rpc.response_service import ResponseService
from arouter.rpc.routing_service import RoutingService
from arouter.rpc.serving import ServingStatus
from arouter.rpc.usage_service import UsageService
from arouter.server.grpc_options import health_server_options, server_options
from arouter.server.parts import Parts
from arouter.server.ports import endpoint
from arouter.server.tls.credentials import server_credentials
from arouter.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from arouter.v1.audit_service_pb2_grpc import add_AuditServiceServicer_to_server
from arouter.v1.chat_service_pb2_grpc import add_ChatServiceServicer_to_server
from arouter.v1.completion_service_pb2_grpc import add_CompletionServiceServicer_to_server
from arouter.v1.embedding_service_pb2_grpc import add_EmbeddingServiceServicer_to_server
from arouter.v1.generative_service_pb2_grpc import add_GenerativeServiceServicer_to_server
from arouter.v1.key_service_pb2_grpc import add_KeyServiceServicer_to_server
from arouter.v1.message_service_pb2_grpc import add_MessageServiceServicer_to_server
from arouter.v1.model_service_pb2_grpc import add_ModelServiceServicer_to_server
from arouter.v1.provider_service_pb2_grpc import add_ProviderServiceServicer_to_server
from arouter.v1.response_service_pb2_grpc import add_ResponseServiceServicer_to_server
from arouter.v1.routing_service_pb2_grpc import add_RoutingServiceServicer_to_server
from arouter.v1.usage_service_pb2_grpc import add_UsageServiceServicer_to_server

SERVICES = tuple(
    f"arouter.v1.{name}Service"
    for name in (
        "Account",
        "Audit",
        "Chat",
        "Completion",
        "Embedding",
        "Generative",
        "Key",
        "Message",
        "Model",
        "Provider",
        "Response",
        "Routing",
        "Usage",
    )
)
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


class GrpcServer:
    """Serves the parts of a worker.

    Args:
        config: The configuration of the service.
        environment: The environment of the process.
        parts: The parts that the services use.
        share_port: Whether other processes listen on the same ports (`SO_REUSEPORT`).

    Attributes:
        calls: Opens the chat calls.
        provider_health: Publishes the health of providers.
        serving: Publishes the serving status of this worker.

    Raises:
        ConfigError: The TLS files are invalid.
    """

    def __init__(self, config: Config, environment: Environment, parts: Parts, *, share_port: bool) -> None:
        self._environment = environment
        self._share_port = share_port
        self._credentials = None if config.server.tls is None else server_credentials("server.tls", config.server.tls)
        health = Health()
        self.calls = calls = ChatCalls(parts.pipeline, parts.tracer, config.server.keep_alive)
        self.provider_health = ProviderHealth(parts.board, health, [each.id for each in parts.catalogue.providers])
        self.serving = ServingStatus(health, ("", *SERVICES), lambda: parts.key_cache.is_fresh)
        handlers = HandlerFactory(Receiving(config.server.max_bytes_in_flight), parts.pipeline.count)
        authentication = Authentication(
            parts.key_cache, parts.key_cache_sync.look_for_new, takes_workloads=bool(config.accounts.workloads)
        )
        methods = MethodTable(handlers.wrap, authentication)
        self._health_server = aio.server(options=health_server_options(share_port=share_port))
        self._server = aio.server(options=server_options(config, share_port=share_port))

        to = cast("aio.Server", methods)
        add_AccountServiceServicer_to_server(AccountService(parts.management), to)
        add_AuditServiceServicer_to_server(AuditService(parts.audit_log), to)
        add_ChatServiceServicer_to_server(ChatService(calls), to)
        add_CompletionServiceServicer_to_server(CompletionService(DialectService(CompletionsDialect(), calls)), to)
        add_EmbeddingServiceServicer_to_server(EmbeddingService(calls), to)
        counter = TokenCounter(parts.planner, parts.upstream)
        generative = GenerativeService(
            DialectService(GeminiDialect(with_events=False), calls),
            DialectService(GeminiDialect(with_events=True), calls),
            parts.catalogue,
            counter,
        )
        add_GenerativeServiceServicer_to_server(generative, to)
        add_KeyServiceServicer_to_server(KeyService(parts.management), to)
        messages = MessageService(
            DialectService(MessagesDialect(), calls),
            DialectService(MessagesDialect(counting=True), calls),
            counter,
            parts.catalogue,
        )
        add_MessageServiceServicer_to_server(messages, to)
        add_ModelServiceServicer_to_server(ModelService(parts.catalogue, parts.key_cache), to)
        add_ProviderServiceServicer_to_server(ProviderService(parts.catalogue, parts.board), to)
        add_ResponseServiceServicer_to_server(ResponseService(DialectService(ResponsesDialect(), calls)), to)
        add_RoutingServiceServicer_to_server(RoutingService(parts.planner, parts.catalogue), to)
        add_UsageServiceServicer_to_server(UsageService(parts.usage_repository), to)
        health_pb2_grpc.add_HealthServicer_to_server(health, to)
        add_reflection((*SERVICES, _HEALTH), methods)
        self._server.add_generic_rpc_handlers((methods,))
        health_methods = MethodTable(handlers.wrap)
        health_pb2_grpc.add_HealthServicer_to_server(health, cast("aio.Server", health_methods))
        self._health_server.add_generic_rpc_handlers((health_methods,))
        self._channelz_server = None if environment.channelz is None else _channelz_server()

    async def bind(self) -> str:
        """Opens the ports and returns the address of the services' port, for the log.

        Listens at once, with the status NOT_SERVING, unless the port is shared: then other processes can serve calls.

        Raises:
            ConfigError: A port cannot be opened.
        """
        await self.serving.prepare()
        address = self._bind(self._server, self._environment.grpc_port, "AROUTER_GRPC_PORT", self._credentials)
        if self._environment.health_port is not None:
            self._bind(self._health_server, self._environment.health_port, "AROUTER_HEALTH_PORT", None)
        if self._channelz_server is not None and self._environment.channelz is not None:
            self._bind_channelz(self._channelz_server, self._environment.channelz)
        if not self._share_port:
            await self._listen()
        return address if self._credentials is None else f"{address} with TLS"

    async def serve(self) -> None:
        """Sets the status to SERVING."""
        await self.provider_health.start()
        await self.serving.start()
        if self._share_port:
            await self._listen()

    async def leave(self) -> None:
        """Sets the status to NOT_SERVING."""
        await self.serving.stop()
        await self.provider_health.stop()

    async def stop(self, grace: float) -> None:
        """Refuses new calls and ends those in flight after `grace` seconds. The health port stays open."""
        await self._server.stop(grace)

    async def close(self) -> None:
        """Closes channelz and the health port: last, so that probes see NOT_SERVING while the process drains."""
        if self._channelz_server is not None:
            await self._channelz_server.stop(None)
        await self._health_server.stop(None)

    async def _listen(self) -> None:
        await self._server.start()
        await self._health_server.start()
        if self._channelz_server is not None:
            await self._channelz_server.start()

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

    def _bind_channelz(self, server: aio.Server, path: Path) -> None:
        if self._share_port:  # with other workers, each of which has connections of its own
            path = path.with_name(f"{path.name}.{os.getpid()}")
        umask = os.umask(0o177)  # only this user can open the socket
        try:
            server.add_insecure_port(f"unix:{path}")
        except RuntimeError as error:
            raise ConfigError(f"cannot listen on {path} (AROUTER_CHANNELZ)") from error
        finally:
            os.umask(umask)


def _channelz_server() -> aio.Server:
    # Imported only if needed.
    from arouter.rpc.channelz import channelz_server

    return channelz_server()
