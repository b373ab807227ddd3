"""One port shows what several workers count, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from emulator import Emulator
from support.metrics import Scrape, scrape
from support.ports import free_ports
from support.stack import Stack, running
from support.traffic import Traffic, assert_counted, two_providers

WORKERS = 2


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def workers(
    provider: Emulator, temporary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, int]]:
    (port,) = free_ports(1)
    environment = {"AROUTER_METRICS_PORT": str(port), "TMPDIR": str(temporary)}
    command = ("serve", "--workers", str(WORKERS))
    with running(tmp_path_factory.mktemp("workers"), two_providers(provider), command, environment) as stack:
        wait_for_starts(stack, WORKERS)
        yield stack, port
    assert list(temporary.glob("arouter-metrics-*")) == []


def wait_for_starts(stack: Stack, number: int) -> None:
    stack.process.wait_until(lambda: stack.process.log.count("serving on") == number, f"{number} starts")


def test_the_dead_go_on_counting(workers: tuple[Stack, int], emulator: Emulator, temporary: Path) -> None:
    stack, port = workers
    before, traffic = scrape(port), Traffic(stack, emulator)

    traffic.round(2)
    assert_counted(stack, port, before, traffic, emulator)
    for dead, worker in enumerate(of_the_supervisor(stack), 1):
        worker.kill()
        wait_for_starts(stack, WORKERS + dead)
        assert_counted(stack, port, before, traffic, emulator)
        traffic.round(1)
        assert_counted(stack, port, before, traffic, emulator)

    (folder,) = temporary.glob("arouter-metrics-*")
    kept = {path.stem.rpartition("_")[2] for path in folder.iterdir()}
    assert kept == {"retired", *(str(worker.pid) for worker in of_the_supervisor(stack))}


def test_gauges_are_of_those_who_live(workers: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = workers
    starts = stack.process.log.count("serving on")
    traffic = Traffic(stack, emulator)

    with traffic.under_way("emu/gated", stream=True, user="one"), traffic.under_way("emu/gated", user="two"):
        stack.process.wait_until(lambda: scrape(port)("arouter_requests_in_flight") == 2, "two calls are shown")
        for worker in of_the_supervisor(stack):
            worker.kill()
        wait_for_starts(stack, starts + WORKERS)
        shown = scrape(port)

    assert shown("arouter_requests_in_flight") == 0
    assert shown("arouter_provider_calls_open") == 0


def test_each_gauge_is_put_together_as_it_should_be(workers: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = workers
    traffic = Traffic(stack, emulator)
    # Until each worker has a breaker for it.
    stack.process.wait_until(
        lambda: traffic.call("emu/text").name == "OK" and scrape(port)("arouter_breakers", model="text") >= WORKERS,
        "every worker has asked",
    )
    shown = scrape(port)

    assert shown("arouter_breakers", provider="emu", model="text", state="closed") == WORKERS
    assert shown("arouter_provider_up", provider="emu") == 1
    assert shown("arouter_catalogue_models", provider="emu") == len(emulator.models)
    assert shown("arouter_catalogue_synced_timestamp_seconds", provider="emu") > 1.6e9
    assert shown("arouter_build_info") == 1
    assert pids(shown) == {"supervisor", *(f"worker {index}" for index in range(WORKERS))}
    assert "pid" not in {label for each in shown.series for label in each.labels}


def pids(shown: Scrape) -> set[str]:
    return {each.labels["process"] for each in shown.matching("process_resident_memory_bytes")}


def of_the_supervisor(stack: Stack) -> list[psutil.Process]:
    """Returns the workers: the supervisor's own children."""
    return psutil.Process(stack.process.pid).children()
