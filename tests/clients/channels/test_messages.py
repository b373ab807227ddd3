"""Sizes, compression, deadlines and cancelling, with channels of other libraries."""

from __future__ import annotations

from typing import Any

import pytest
from clients.channels.driver import Driver
from grpc import StatusCode

from emulator import Emulator
from emulator.scenarios import MEGABYTE
from support.stack import Stack

LARGE = "x" * (11 * MEGABYTE)
MIDDLING = "x" * (5 * MEGABYTE)
TOO_LARGE = "SERVER: Received message larger than max (115343"
CLIENT_LIMITS: dict[str, dict[str, Any]] = {
    "grpc-js": {"grpc.max_send_message_length": 10 * MEGABYTE},
    "connect": {"writeMaxBytes": 10 * MEGABYTE},
}
GZIP: dict[str, dict[str, Any]] = {
    "grpc-js": {"grpc.default_compression_algorithm": 2},
    "connect": {"sendCompression": "gzip"},
}


@pytest.fixture(params=["service", "gateway"])
def port(request: pytest.FixtureRequest, stack: Stack, emulator: Emulator) -> int:
    return stack.port if request.param == "gateway" else stack.grpc_port


def test_a_request_that_is_too_large_is_refused_with_its_size(driver: Driver, port: int) -> None:
    driver.open(port)
    refused = driver.chat(text=LARGE).result()

    assert refused.code is StatusCode.RESOURCE_EXHAUSTED
    assert refused.details.startswith(TOO_LARGE)


def test_the_client_can_refuse_it_itself_and_goes_on(driver: Driver, port: int, emulator: Emulator) -> None:
    driver.open(port, **CLIENT_LIMITS[driver.library])
    refused = [driver.chat(text=LARGE, stream=stream).result() for stream in (False, True, False, True)]

    assert {each.code for each in refused} == {StatusCode.RESOURCE_EXHAUSTED}
    assert not any(each.details.startswith("SERVER") for each in refused)
    assert driver.chat().result().code is StatusCode.OK
    assert len(emulator.calls) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_large_responses(driver: Driver, port: int, stream: bool) -> None:
    """Only grpc-js has a limit by default."""
    driver.open(port)
    by_default = driver.chat("emu/echo", text=MIDDLING, stream=stream).result()
    driver.open(port, **({"grpc.max_receive_message_length": 64 * MEGABYTE} if driver.library == "grpc-js" else {}))
    allowed = driver.chat("emu/echo", text=MIDDLING, stream=stream).result()

    assert (allowed.code, allowed.length) == (StatusCode.OK, len(MIDDLING))
    if driver.library == "grpc-js":
        assert by_default.code is StatusCode.RESOURCE_EXHAUSTED
        assert by_default.details.startswith("Received message larger than max (524")
    else:
        assert by_default == allowed


def test_a_compressed_request_is_limited_by_its_uncompressed_size(
    driver: Driver, port: int, emulator: Emulator
) -> None:
    driver.open(port, **GZIP[driver.library])
    refused = driver.chat(text=LARGE).result()
    accepted = driver.chat(text="x" * MEGABYTE).result()

    assert (refused.code, refused.details) == (StatusCode.RESOURCE_EXHAUSTED, "Decompressed message larger than max")
    assert accepted.code is StatusCode.OK
    assert emulator.calls[-1].json["messages"][0]["content"] == "x" * MEGABYTE


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_deadline_ends_the_providers_call(driver: Driver, port: int, emulator: Emulator, stream: bool) -> None:
    driver.open(port)

    assert driver.chat("emu/hang", stream=stream, timeout=2).result().code is StatusCode.DEADLINE_EXCEEDED
    assert emulator.calls[-1].disconnected.wait(5)


@pytest.mark.parametrize("model", ["hang", "gated", "drip"])
def test_cancelling_ends_the_providers_call(driver: Driver, port: int, emulator: Emulator, model: str) -> None:
    """Before the first chunk, in a silence after it, and while chunks arrive."""
    driver.open(port)
    call = driver.chat(f"emu/{model}", stream=True)
    if model == "hang":
        emulator.wait_for(lambda: emulator.calls)
    else:
        assert call.heard.wait(10)
    call.cancel()

    assert call.result().code is StatusCode.CANCELLED
    assert emulator.calls[-1].disconnected.wait(5)


@pytest.mark.parametrize(("timeout", "pushback"), [(30, "17000"), (10, "-1")])
def test_the_channel_is_told_when_to_retry(driver: Driver, port: int, timeout: float, pushback: str) -> None:
    driver.open(port)
    refused = driver.chat("emu/status-429", timeout=timeout).result()

    assert (refused.code, refused.pushback) == (StatusCode.RESOURCE_EXHAUSTED, pushback)
