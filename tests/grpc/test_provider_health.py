"""How the providers are doing, as load balancers and people are told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.v1 import provider_service_pb2
from arouter.v1.provider_service_pb2_grpc import ProviderServiceStub
from emulator import Emulator
from emulator.call import Call
from emulator.scenarios import Scenario, status, text
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import TIMEOUT, Client, chat_request

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Moody:
    """A scenario that answers or fails, as the test wants it."""

    def __init__(self) -> None:
        self.failing = threading.Event()
        self._fail = status(500)

    async def __call__(self, call: Call) -> web.StreamResponse:
        scenario: Scenario = self._fail if self.failing.is_set() else text
        return await scenario(call)


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def service(moody: Moody, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service with two providers, of which one has moods."""
    with Emulator({"model": moody}) as emulator:
        row: dict[str, Any] = {"base_url": emulator.base_url, "api_keys": [PROVIDER_KEY], "models": ["model"]}
        config = {"providers": [{"id": "moody", **row}, {"id": "other", **row}]}
        with running(tmp_path_factory.mktemp("moody"), config, ("serve",)) as stack:
            yield stack


@pytest.fixture
def channel(service: Stack) -> Iterator[grpc.Channel]:
    with service.channel() as channel:
        yield channel


def chat(service: Stack, channel: grpc.Channel) -> bool:
    """Says whether a chat with the moody provider succeeds."""
    client = Client(service, channel)
    with suppress(grpc.RpcError):
        client.chat.ChatCompletion(chat_request("moody/model"), **client.options)
        return True
    return False


def listed(service: Stack, channel: grpc.Channel) -> dict[str, provider_service_pb2.Provider]:
    """Returns the providers by id, as they are listed."""
    request = provider_service_pb2.ListProvidersRequest()
    answer = ProviderServiceStub(channel).ListProviders(request, metadata=service.metadata, timeout=TIMEOUT)
    return {provider.id: provider for provider in answer.data}


def test_each_provider_is_a_health_service(channel: grpc.Channel) -> None:
    """It is SERVING from the start; one that is not on is not known."""
    health = health_pb2_grpc.HealthStub(channel)
    for provider in ("moody", "other"):
        request = health_pb2.HealthCheckRequest(service=f"provider/{provider}")
        assert health.Check(request, timeout=TIMEOUT).status == SERVING

    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="provider/missing"), timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_provider_never_called_is_healthy(service: Stack, channel: grpc.Channel) -> None:
    """And nothing is said of what was not observed."""
    provider = listed(service, channel)["moody"]

    assert provider.health == "healthy"
    assert not any(provider.HasField(name) for name in ("success_rate", "first_token_ms", "tokens_per_second"))


def test_a_provider_that_fails_is_not_serving_until_it_answers(
    moody: Moody, service: Stack, channel: grpc.Channel
) -> None:
    """Its own health alone: the service and the other provider are as they were."""
    health = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service="provider/moody"), timeout=TIMEOUT)
    assert next(watch).status == SERVING

    moody.failing.set()
    for _ in range(3):
        assert not chat(service, channel)
    assert next(watch).status == NOT_SERVING
    providers = listed(service, channel)
    assert (providers["moody"].health, providers["moody"].success_rate) == ("unavailable", 0)
    assert providers["other"].health == "healthy"
    for name in ("", "provider/other"):
        assert health.Check(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT).status == SERVING

    moody.failing.clear()
    while not chat(service, channel):
        pass  # Refused at once while it cools down.
    assert next(watch).status == SERVING
    assert listed(service, channel)["moody"].health == "degraded"
    watch.cancel()
