"""Connections of channels that ping, or ping too often, and connections that end by age or in a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clients.channels.driver import Driver
from clients.channels.frames import Frames
from grpc import StatusCode

from emulator import Emulator
from support.relay import relaying
from support.stack import Stack, running

PINGS = 3
ENHANCE_YOUR_CALM = 11
NO_ERROR = 0
CUT = {"grpc-js": StatusCode.RESOURCE_EXHAUSTED, "connect": StatusCode.INTERNAL}
"""How a call ends in each library when its connection ends because of too many pings."""

RACED = {
    "grpc-js": (StatusCode.OK, ""),
    "connect": (StatusCode.INTERNAL, "Stream closed with error code NGHTTP2_REFUSED_STREAM"),
}
"""How a call ends that begins at the moment when its connection ends: Node itself refuses it and sends nothing."""


def ping_options(library: str, milliseconds: int) -> dict[str, Any]:
    """Returns the options of a channel that pings."""
    if library == "connect":
        return {"session": {"pingIntervalMs": milliseconds, "pingTimeoutMs": 10_000, "pingIdleConnection": True}}
    return {
        "grpc.keepalive_time_ms": milliseconds,
        "grpc.keepalive_timeout_ms": 10_000,
        "grpc.keepalive_permit_without_calls": 1,
    }


@contextmanager
def watched(stack: Stack) -> Iterator[tuple[int, Frames]]:
    """Puts a relay in front of the service; yields its port and what passes."""
    frames = Frames()
    with relaying(stack.grpc_port, frames) as relay:
        yield relay.port, frames


def test_pings_keep_a_silent_call_and_an_idle_connection(driver: Driver, stack: Stack, emulator: Emulator) -> None:
    with watched(stack) as (port, frames):
        driver.open(port, **ping_options(driver.library, 1100))
        stream = driver.chat("emu/gated", stream=True)
        assert stream.heard.wait(10)
        frames.wait(lambda: frames.pings() >= PINGS)
        emulator.release_all()
        assert stream.result().code is StatusCode.OK

        before = frames.pings()
        frames.wait(lambda: frames.pings() >= before + PINGS)
        assert driver.chat().result().code is StatusCode.OK
        assert (frames.goaways(), frames.connections()) == ([], 1)


def test_pings_that_come_too_often_end_the_connection(driver: Driver, stack: Stack, emulator: Emulator) -> None:
    with watched(stack) as (port, frames):
        driver.open(port, **ping_options(driver.library, 100))
        stream = driver.chat("emu/gated", stream=True)
        assert stream.heard.wait(10)

        ended = stream.result()
        assert driver.chat().result().code is StatusCode.OK  # over another connection
        assert (ENHANCE_YOUR_CALM, b"too_many_pings") in frames.goaways()
        assert ended.code is CUT[driver.library], ended


@contextmanager
def ageing(config: dict[str, Any], folder: Path) -> Iterator[Stack]:
    """Runs a service whose connections end after a second."""
    with running(folder / "ageing", {**config, "server": {"max_connection_age": 1}}, ("serve",)) as stack:
        yield stack


def test_calls_outlive_the_age_of_their_connection(
    driver: Driver, config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    with ageing(config, tmp_path) as stack, watched(stack) as (port, frames):
        driver.open(port)
        waiting = [driver.chat("emu/gated", stream=True), driver.chat("emu/gated")]
        assert waiting[0].heard.wait(10)
        between = []
        while frames.connections() < 4:
            between.append(driver.list_models().result())
        emulator.wait_for(lambda: len(emulator.calls) == 2)
        emulator.release_all()

        assert {each.result().code for each in waiting} == {StatusCode.OK}
        assert {(each.code, each.details) for each in between} <= {(StatusCode.OK, ""), RACED[driver.library]}
        assert set(frames.goaways()) == {(NO_ERROR, b"max_age")}


def test_pings_of_grpc_js_cut_the_calls_of_an_aged_connection(
    driver: Driver, config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    """Hence the page advises against these pings at the service's port."""
    with ageing(config, tmp_path) as stack, watched(stack) as (port, frames):
        driver.open(port, **ping_options(driver.library, 1100))
        stream = driver.chat("emu/gated", stream=True)
        assert stream.heard.wait(10)
        while frames.connections() < 3 and not stream.is_done():
            driver.list_models().result()
        emulator.release_all()
        ended = stream.result()

    lost = (StatusCode.UNAVAILABLE, "Connection dropped")
    assert (ended.code, ended.details) == (lost if driver.library == "grpc-js" else (StatusCode.OK, ""))
