"""A background task that repeats: its pauses, its errors and its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from arouter.periodic import PeriodicTask

NEVER = 3600.0


class Runs:
    """Counts runs.

    Attributes:
        count: Runs so far.
        result: What each returns, or raises.
    """

    def __init__(self, result: float | Exception | None = None) -> None:
        self.count = 0
        self.result = result
        self._ran = asyncio.Event()

    async def __call__(self) -> float | None:
        self.count += 1
        self._ran.set()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def next(self) -> None:
        await self._ran.wait()
        self._ran.clear()


async def ended(task: PeriodicTask, wait: Callable[[], Awaitable[None]], times: int) -> None:
    for _ in range(times):
        await wait()
    await task.stop()


async def test_it_runs_again_after_the_interval() -> None:
    runs = Runs()
    task = PeriodicTask("count", runs, 0.001)

    task.start()
    await ended(task, runs.next, 3)

    assert runs.count >= 3


async def test_a_run_may_choose_its_pause() -> None:
    runs = Runs(0.001)
    task = PeriodicTask("count", runs, NEVER)

    task.start()
    await ended(task, runs.next, 3)

    assert runs.count >= 3


async def test_it_can_be_woken_even_before_it_pauses() -> None:
    runs = Runs()
    task = PeriodicTask("count", runs, NEVER)

    task.start(delay=NEVER)
    task.wake()
    await runs.next()
    task.wake()
    await ended(task, runs.next, 1)

    assert runs.count == 2


async def test_an_error_is_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs(ValueError("broken"))
    task = PeriodicTask("count", runs, 0.001)

    with caplog.at_level(logging.ERROR, "arouter.periodic"):
        task.start()
        await ended(task, runs.next, 2)

    assert "failed to count" in caplog.messages
    assert "broken" in caplog.text


async def test_stopping_cancels_a_run_and_needs_no_start() -> None:
    begun, ends = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ends.set()

    await PeriodicTask("hang", run, NEVER).stop()
    task = PeriodicTask("hang", run, NEVER)
    task.start()
    await begun.wait()

    await task.stop()

    assert ends.is_set()
