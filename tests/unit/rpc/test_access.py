"""Which keys may call which RPC: declared for every one that the server has."""

from __future__ import annotations

import inspect
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool

from arouter.rpc.access import Access, access_of, is_counted, requires
from arouter.rpc.account_service import AccountService
from arouter.rpc.audit_service import AuditService
from arouter.rpc.chat_service import ChatService
from arouter.rpc.completion_service import CompletionService
from arouter.rpc.embedding_service import EmbeddingService
from arouter.rpc.generative_service import GenerativeService
from arouter.rpc.health import Health
from arouter.rpc.key_service import KeyService
from arouter.rpc.message_service import MessageService
from arouter.rpc.method_table import MethodTable
from arouter.rpc.model_service import ModelService
from arouter.rpc.provider_service import ProviderService
from arouter.rpc.response_service import ResponseService
from arouter.rpc.routing_service import RoutingService
from arouter.rpc.usage_service import UsageService
from arouter.server.grpc_server import SERVICES

CLASSES: dict[str, type[Any]] = {
    f"arouter.v1.{service.__name__}": service
    for service in (
        AccountService,
        AuditService,
        ChatService,
        CompletionService,
        EmbeddingService,
        GenerativeService,
        KeyService,
        MessageService,
        ModelService,
        ProviderService,
        ResponseService,
        RoutingService,
        UsageService,
    )
} | {"grpc.health.v1.Health": Health}
RPCS = [
    pytest.param(service, method.name, id=f"{service}/{method.name}")
    for service in CLASSES
    for method in descriptor_pool.Default().FindServiceByName(service).methods
]
# Every other RPC requires a regular key.
EXPECTED = {
    "arouter.v1.AccountService": Access.MANAGEMENT_KEY,
    "arouter.v1.AuditService": Access.MANAGEMENT_KEY,
    "arouter.v1.KeyService": Access.MANAGEMENT_KEY,
    "arouter.v1.KeyService/CheckKey": Access.ANY_KEY,
    "arouter.v1.KeyService/GetCurrentKey": Access.ANY_KEY,
    "arouter.v1.UsageService": Access.ANY_KEY,
    "grpc.health.v1.Health": Access.PUBLIC,
}


def handler_of(function: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(function)


def test_every_service_is_here() -> None:
    assert {*SERVICES, "grpc.health.v1.Health"} == CLASSES.keys()


@pytest.mark.parametrize(("service", "name"), RPCS)
def test_every_rpc_declares_its_access(service: str, name: str) -> None:
    expected = EXPECTED.get(f"{service}/{name}") or EXPECTED.get(service, Access.REGULAR_KEY)

    assert access_of(name, handler_of(inspect.getattr_static(CLASSES[service], name))) is expected


COUNTED = ("Chat", "Completion", "Embedding", "Generative", "Message", "Response")
NOT_COUNTED = (
    "GenerativeService/GetGenerativeModel",
    "GenerativeService/ListGenerativeModels",
    "MessageService/GetModel",
    "MessageService/ListModels",
)
"""Those of the same services that call no model."""


@pytest.mark.parametrize(("service", "name"), RPCS)
def test_the_calls_of_models_are_counted(service: str, name: str) -> None:
    name_of_service = service.removeprefix("arouter.v1.")
    counted = name_of_service.removesuffix("Service") in COUNTED
    expected = counted and f"{name_of_service}/{name}" not in NOT_COUNTED

    assert is_counted(handler_of(inspect.getattr_static(CLASSES[service], name))) is expected


def test_a_method_without_a_declaration_is_not_served() -> None:
    methods = MethodTable(lambda _method, handler, _access: handler)

    async def undeclared() -> None:
        pass

    with pytest.raises(TypeError, match=r"/a\.B/Get does not declare"):
        methods.add_registered_method_handlers("a.B", {"Get": handler_of(undeclared)})
    methods.add_registered_method_handlers("a.B", {"Get": handler_of(requires(Access.ANY_KEY)(undeclared))})

    assert methods.access == {"/a.B/Get": Access.ANY_KEY}
