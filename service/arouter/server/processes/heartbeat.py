"""When a process counts as hung: its event loop has sent no heartbeat for too long. Pure."""

from __future__ import annotations

INTERVAL = 1.0
"""Seconds between two heartbeats, and between two checks for them."""

TIMEOUT = 5.0
"""Seconds without a heartbeat after which a process counts as hung."""

_MAX_DELAY = 2 * INTERVAL
"""Seconds between two checks beyond which the checking process was itself suspended or starved."""


class Heartbeat:
    """The heartbeats of one process. Times are seconds of a monotonic clock.

    A process that has not sent its first heartbeat is starting and never counts as hung.

    Attributes:
        has_started: Whether there has been a heartbeat.
    """

    def __init__(self) -> None:
        self.has_started = False
        self._received: float | None = None
        self._checked: float | None = None

    def receive(self, now: float) -> None:
        """Notes a heartbeat."""
        self.has_started = True
        self._received = now

    def end(self) -> None:
        """Notes that the process sends no more of them, because it is ending."""
        self._received = None

    def is_overdue(self, now: float) -> bool:
        """Returns whether the process counts as hung. To be called every `INTERVAL`.

        If the calls themselves were delayed (the machine or the whole process group was suspended), the process gets
        the full `TIMEOUT` again: its heartbeats may be delayed for the same reason.
        """
        delayed = self._checked is not None and now - self._checked > _MAX_DELAY
        self._checked = now
        if self._received is None:
            return False
        if delayed:
            self._received = now
        return now - self._received > TIMEOUT
