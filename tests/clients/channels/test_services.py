"""Services that drain, start again or ask for a pause, with the service config of `docs/channels.md`."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from clients.channels.driver import Driver
from grpc import StatusCode

from arouter.v1.model_service_pb2 import ListModelsRequest
from emulator import Call, Emulator, scenarios
from support.ports import HOST, free_ports
from support.service_config import SERVICE_CONFIG
from support.stack import CLIENT_KEY, GRPC_OPTIONS, PROVIDER_KEY, Stack, running, started, wait_serving
from support.typed import Client, chat_request

RECONNECT = {"grpc.initial_reconnect_backoff_ms": 100}
RESERVE = 20
"""Calls after the first service has ended."""


def grpcio_channel(*ports: int, config: dict[str, Any]) -> grpc.Channel:
    options = (*GRPC_OPTIONS, *RECONNECT.items(), ("grpc.service_config", json.dumps(config)))
    return grpc.insecure_channel("ipv4:" + ",".join(f"{HOST}:{port}" for port in ports), options)


@pytest.fixture(params=["grpcio", "grpc-js"])
def listing(
    request: pytest.FixtureRequest, packages: None, tmp_path: Path
) -> Iterator[Callable[..., Callable[[], StatusCode]]]:
    """Opens a channel to ports; what it returns lists models over it, and returns the code."""
    if request.param == "grpc-js":
        driver = Driver("grpc-js", CLIENT_KEY, tmp_path)

        def open_driver(*ports: int) -> Callable[[], StatusCode]:
            driver.open(*ports, **{"grpc.service_config": json.dumps(SERVICE_CONFIG), **RECONNECT})
            return lambda: driver.list_models(waitForReady=True).result().code

        yield open_driver
        driver.close()
        return
    opened = []

    def open_channel(*ports: int) -> Callable[[], StatusCode]:
        channel = grpcio_channel(*ports, config=SERVICE_CONFIG)
        opened.append(channel)
        call = channel.unary_unary(
            "/arouter.v1.ModelService/ListModels", ListModelsRequest.SerializeToString, lambda data: data
        )

        def ask() -> StatusCode:
            try:
                call(ListModelsRequest(), metadata=(("authorization", f"Bearer {CLIENT_KEY}"),), timeout=30)
            except grpc.RpcError as error:
                return error.code()
            return StatusCode.OK

        return ask

    yield open_channel
    for channel in opened:
        channel.close()


@pytest.fixture
def settings(provider: Emulator) -> dict[str, Any]:
    row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["text"]}
    return {"providers": [row], "server": {"drain_delay": 1}}


@pytest.mark.parametrize(
    ("listing", "meanwhile"),
    # grpc-js asks for no health: a call may meet the end of its connection (docs/channels.md).
    [("grpcio", {StatusCode.OK}), ("grpc-js", {StatusCode.OK, StatusCode.CANCELLED, StatusCode.UNAVAILABLE})],
    indirect=["listing"],
)
def test_calls_leave_a_service_that_drains(
    listing: Any, meanwhile: set[StatusCode], settings: dict[str, Any], tmp_path: Path
) -> None:
    with (
        running(tmp_path / "one", settings, ("serve",)) as one,
        running(tmp_path / "two", settings, ("serve",)) as two,
    ):
        ask = listing(one.grpc_port, two.grpc_port)
        assert ask() is StatusCode.OK
        one.process.send_signal(signal.SIGTERM)
        codes = []
        while one.process.returncode is None:
            codes.append(ask())
        after = [ask() for _ in range(RESERVE)]

    assert set(codes) <= meanwhile
    assert codes.count(StatusCode.OK) >= len(codes) - 1
    assert set(after) == {StatusCode.OK}


def test_reads_wait_for_a_service_that_starts_again(listing: Any, settings: dict[str, Any], tmp_path: Path) -> None:
    [port] = free_ports(1)
    environment = {"AROUTER_GRPC_PORT": str(port)}
    ask = listing(port)
    for start in range(2):
        with started(tmp_path / f"{start}", settings, ("serve",), environment) as process:
            assert ask() is StatusCode.OK  # asked before it listens
            with grpc.insecure_channel(f"{HOST}:{port}", GRPC_OPTIONS) as channel:
                wait_serving(process, channel)
            assert process.stop() == 0


def test_with_grpcio_a_service_without_health_is_not_called(stack: Stack) -> None:
    config = {**SERVICE_CONFIG, "healthCheckConfig": {"serviceName": "arouter.v1.Unknown"}}
    with grpcio_channel(stack.grpc_port, config=config) as channel, pytest.raises(grpc.RpcError) as caught:
        Client(stack, channel).chat.ChatCompletion(chat_request(), metadata=stack.metadata, timeout=30)

    assert caught.value.code() is StatusCode.UNAVAILABLE
    assert "backend unhealthy" in caught.value.details()


class Pause:
    """A model that asks for a second's pause and checks that it gets one."""

    def __init__(self) -> None:
        self.began = 0.0
        self.calls = 0

    async def answer(self, call: Call) -> web.StreamResponse:
        self.calls += 1
        now = time.monotonic()
        self.began = self.began or now
        if now - self.began < 1:
            return await scenarios.status(429, {"retry-after": "1"})(call)
        return await scenarios.text(call)


@pytest.fixture
def pausing(tmp_path: Path) -> Iterator[tuple[Stack, Pause]]:
    pause = Pause()
    with Emulator({"m": pause.answer}) as emulator:
        row = {"id": "emu", "base_url": emulator.base_url, "api_keys": [PROVIDER_KEY], "models": ["m"]}
        with running(tmp_path / "pausing", {"providers": [row]}, ("serve",)) as stack:
            yield stack, pause


RETRIED = {
    "maxAttempts": 2,
    "initialBackoff": "0.01s",
    "maxBackoff": "0.01s",
    "backoffMultiplier": 1,
    "retryableStatusCodes": ["RESOURCE_EXHAUSTED"],
}
PATIENT = {"methodConfig": [{"name": [{"service": "arouter.v1.ChatService"}], "retryPolicy": RETRIED}]}
"""A service config whose backoff would be too short without the service's pushback."""


def test_grpcio_waits_as_long_as_the_service_asks(pausing: tuple[Stack, Pause]) -> None:
    stack, pause = pausing
    with grpcio_channel(stack.grpc_port, config=PATIENT) as channel:
        client = Client(stack, channel)
        assert client.chat.ChatCompletion(chat_request("emu/m"), **client.options).choices

    assert pause.calls == 2


def test_grpc_js_waits_as_long_as_the_service_asks(
    pausing: tuple[Stack, Pause], packages: None, tmp_path: Path
) -> None:
    stack, pause = pausing
    driver = Driver("grpc-js", stack.key, tmp_path)
    try:
        driver.open(stack.grpc_port, **{"grpc.service_config": json.dumps(PATIENT)})
        assert driver.chat("emu/m").result().code is StatusCode.OK
    finally:
        driver.close()
    assert pause.calls == 2
