"""What tools ask a gRPC service: is it healthy, what does it offer. Neither needs a key; both doors answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from emulator import Emulator
from support.ports import HOST, free_ports
from support.postgres import Postgres
from support.rest import Rest
from support.stack import Stack, started
from support.typed import refusal

SERVING = health_pb2.HealthCheckResponse.SERVING
NAMES = (
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
SERVICES = [f"arouter.v1.{name}Service" for name in NAMES]


VERSIONS = ("v1alpha", "v1")


def service_of(version: str) -> str:
    return f"grpc.reflection.{version}.ServerReflection"


def reflected(channel: grpc.Channel, version: str) -> Callable[..., reflection_pb2.ServerReflectionResponse]:
    """Returns what asks one question in a version of the protocol; the versions have the same messages."""
    call = channel.stream_stream(
        f"/{service_of(version)}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )

    def ask(**question: str) -> reflection_pb2.ServerReflectionResponse:
        [response] = call(iter([reflection_pb2.ServerReflectionRequest(**question)]), timeout=10)
        return response

    return ask


@pytest.fixture(params=["direct", "through Envoy"])
def channel(request: pytest.FixtureRequest, stack: Stack) -> Iterator[grpc.Channel]:
    with stack.channel(stack.port if request.param == "through Envoy" else None) as channel:
        yield channel


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_each_service_is_serving(channel: grpc.Channel, service: str) -> None:
    health = health_pb2_grpc.HealthStub(channel)

    assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status == SERVING


def test_an_unknown_service_is_not_found(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="missing"), timeout=10)

    error = refusal(caught.value)
    assert (error.code, error.reason, error.info["param"]) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "service")


def test_all_services_are_listed_with_their_status(channel: grpc.Channel) -> None:
    listed = health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest(), timeout=10).statuses

    assert {"", "liveness", "provider/emu", *SERVICES} <= set(listed)
    assert listed[""].status == SERVING


def test_health_can_be_watched(channel: grpc.Channel) -> None:
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=10)

    assert next(watch).status == SERVING
    watch.cancel()


@pytest.mark.parametrize("version", VERSIONS)
def test_reflection_lists_the_services(channel: grpc.Channel, version: str) -> None:
    ask = reflected(channel, version)

    listed = [service.name for service in ask(list_services="").list_services_response.service]

    assert set(listed) == {*SERVICES, "grpc.health.v1.Health", *map(service_of, VERSIONS)}
    for name in listed:
        described = ask(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto
        files = map(FileDescriptorProto.FromString, described)
        assert name in {f"{file.package}.{service.name}" for file in files for service in file.service}


def test_a_client_without_our_protos_can_call_by_reflection(stack: Stack, channel: grpc.Channel) -> None:
    """As `grpcurl` does it: descriptors from the server, a message built from them, a call by name."""
    from google.protobuf import message_factory

    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName("arouter.v1.ModelService").FindMethodByName("GetModel")
    request = message_factory.GetMessageClass(method.input_type)(model="emu/text")
    call = channel.unary_unary(
        "/arouter.v1.ModelService/GetModel",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )

    assert call(request, metadata=stack.metadata, timeout=10).id == "emu/text"


def test_the_chat_service_has_its_methods(channel: grpc.Channel) -> None:
    service = DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName("arouter.v1.ChatService")

    methods = {method.name: (method.client_streaming, method.server_streaming) for method in service.methods}
    assert methods == {
        "ChatCompletion": (False, False),
        "StreamChatCompletion": (False, True),
        "CreateChatCompletion": (False, True),
        "CreateUnaryChatCompletion": (False, False),
    }


def test_the_gateways_health_check_needs_no_key(stack: Stack) -> None:
    with Rest(stack.port) as rest:
        assert rest.get("/healthz").status == 200


async def test_the_process_is_alive_while_it_waits_for_its_database(
    config: dict[str, Any], emulator: Emulator, postgres: Postgres, tmp_path: Path
) -> None:
    environment = {"AROUTER_DATABASE_URL": postgres.new_database()}  # without a schema
    [port] = free_ports(1)
    with started(tmp_path, config, ("serve",), {**environment, "AROUTER_GRPC_PORT": str(port)}) as process:
        process.wait_until(lambda: "waiting for `arouter migrate`" in process.log, "waiting")
        async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            ready = await health.Check(health_pb2.HealthCheckRequest())
            alive = await health.Check(health_pb2.HealthCheckRequest(service="liveness"))
        assert process.stop() == 0

    assert (ready.status, alive.status) == (health_pb2.HealthCheckResponse.NOT_SERVING, SERVING)
