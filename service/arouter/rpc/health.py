"""Implements `grpc.health.v1.Health` and server reflection, which grpcio's packages support only partly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha import reflection, reflection_pb2
from typing_extensions import override

from arouter.errors import ARouterError, Failure
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.method_table import MethodTable

_V1ALPHA, _V1 = "grpc.reflection.v1alpha", "grpc.reflection.v1"


class Health(aio.HealthServicer):
    """The status of each service. Adds `List` to grpcio's implementation, and a message to its NOT_FOUND."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, int] = {}

    @override
    async def set(self, service: str, status: int) -> None:
        if status == HealthCheckResponse.SERVICE_UNKNOWN:
            self._known.pop(service, None)
        else:
            self._known[service] = status
        await super().set(service, status)

    @requires(Access.PUBLIC)
    @override
    async def Check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        status = self._known.get(request.service)
        if status is None:
            raise ARouterError(Failure.NOT_FOUND, "There is no such service.", param="service")
        return HealthCheckResponse(status=status)

    @requires(Access.PUBLIC)
    @override
    async def Watch(self, request: HealthCheckRequest, context: Context) -> None:
        await super().Watch(request, context)

    @requires(Access.PUBLIC)
    @override
    async def List(self, request: Any, context: Context) -> Any:  # type: ignore[misc] # not in the stubs
        statuses = {service: HealthCheckResponse(status=status) for service, status in self._known.items()}
        return health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined]


class _Reflection(reflection.aio.ReflectionServicer):
    """grpcio's implementation of both versions."""

    @requires(Access.PUBLIC)
    @override
    def ServerReflectionInfo(self, request_iterator: Any, unused_context: Context) -> Any:
        return super().ServerReflectionInfo(request_iterator, unused_context)


def add_reflection(services: Iterable[str], to: MethodTable) -> None:
    """Adds both versions of reflection, which differ only in their package.

    Args:
        services: The services to list besides reflection itself.
        to: The server's methods.
    """
    names = [f"{package}.ServerReflection" for package in (_V1ALPHA, _V1)]
    _describe_v1()
    servicer: Any = _Reflection((*services, *names))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in names:
        to.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})


def _describe_v1() -> None:
    """Registers the file descriptor of version 1 with reflection."""
    file = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", _V1
    for message in file.message_type:
        for field in (field for field in message.field if field.type_name):
            field.type_name = field.type_name.replace(_V1ALPHA, _V1)
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(_V1ALPHA, _V1)
            method.output_type = method.output_type.replace(_V1ALPHA, _V1)
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
