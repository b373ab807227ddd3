"""Background tasks that repeat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class PeriodicTask:
    """A background task that runs a coroutine function again and again, never twice at the same time.

    It survives an unexpected error: it logs the error and runs again after the interval.

    Args:
        name: What it does, for the log: "failed to <name>".
        run: Called for each run. Returns the seconds until the next one, or None for the interval.
        interval: Seconds between the end of a run and the start of the next.
    """

    def __init__(self, name: str, run: Callable[[], Awaitable[float | None]], interval: float) -> None:
        self._name = name
        self._run = run
        self._interval = interval
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, delay: float = 0) -> None:
        """Starts the task. Its first run is after `delay` seconds."""
        self._task = asyncio.create_task(self._repeat(delay))

    def wake(self) -> None:
        """Ends the current pause, or skips the next one if the task is running or has not been started."""
        self._woken.set()

    async def stop(self) -> None:
        """Stops the task, if it has been started, and waits for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _repeat(self, delay: float) -> None:
        while True:
            if delay > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._woken.wait()
            self._woken.clear()
            delay = self._interval
            try:
                wanted = await self._run()
            except Exception:
                _log.exception("failed to %s", self._name)
            else:
                delay = self._interval if wanted is None else wanted
