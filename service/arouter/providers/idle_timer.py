"""A deadline for each of many waits, with a single timer."""

from __future__ import annotations

import asyncio
import math
from typing import Any


class IdleTimer:
    """Ends a wait that exceeds its deadline, as `asyncio.timeout_at` does.

    `asyncio.timeout_at` sets and clears a timer for each wait, which takes a tenth of the time of a chunk. Here the
    timer of an earlier wait is kept and, when it fires early, is set again.
    """

    __slots__ = ("_cancellations", "_deadline", "_fired", "_loop", "_task", "_timer")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = math.inf
        self._task: asyncio.Task[Any] | None = None
        self._cancellations = 0
        self._fired = False

    def until(self, deadline: float) -> IdleTimer:
        """Returns a context manager that raises TimeoutError at `deadline`, in loop time. Must not be nested."""
        self._deadline = deadline
        return self

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("must run in a task")
        self._task, self._cancellations = task, task.cancelling()
        if self._timer is None or self._timer.when() > self._deadline:
            self.close()
            self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        task, self._task = self._task, None
        if self._fired and task is not None:
            self._fired = False
            # Cancelled only by this timer.
            if task.uncancel() <= self._cancellations and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error

    def _on_timer(self) -> None:
        self._timer = None
        if self._task is None:
            return  # The next wait sets a new timer.
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._on_timer)
            return
        self._fired = True
        self._task.cancel()
