"""The deadlines of one call's waits, with a single timer of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_NEVER = float("inf")


class CallTimer:
    """Ends waits that exceed their deadlines. A context manager, which raises TimeoutError at the first one.

    `asyncio.timeout_at` sets and clears a timer for each wait, which takes a tenth of the time of a chunk. Here the
    timer of an earlier wait is kept and, when it fires early, is set again.

    Args:
        deadline: The first deadline, in loop time.
    """

    __slots__ = ("_cancellations", "_deadline", "_fired", "_fires_at", "_loop", "_on_expiry", "_task", "_timer")

    def __init__(self, deadline: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = self._fires_at = deadline
        self._timer: asyncio.TimerHandle | None = self._loop.call_at(deadline, self._on_timer)
        self._on_expiry: Callable[[], None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancellations = 0
        self._fired = False

    def watch(self, deadline: float, on_expiry: Callable[[], None]) -> None:
        """Has `on_expiry` called at `deadline`, in place of what was watched before. It may be called needlessly."""
        self._deadline = deadline
        self._on_expiry = on_expiry
        if deadline < self._fires_at:
            self._set()

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_expiry = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("must run in a task")
        self._task, self._cancellations = task, task.cancelling()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        task, self._task = self._task, None
        if self._fired and task is not None:
            self._fired = False
            # Cancelled only by this timer.
            if task.uncancel() <= self._cancellations and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._fires_at = _NEVER
        if self._loop.time() < self._deadline:
            self._set()
        elif self._task is not None:
            self._fired = True
            self._task.cancel()
        elif self._on_expiry is not None:
            self._on_expiry()
