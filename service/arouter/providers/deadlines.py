"""The deadlines of one provider call."""

from __future__ import annotations

import asyncio

from arouter.config.provider_schema import Timeouts


class CallDeadlines:
    """The deadlines of one call, in loop time.

    Args:
        timeouts: The provider's timeouts.
        caller: When the caller stops waiting; may be infinite.

    Attributes:
        caller: As above.
        total: When the whole call must have ended.
        first_token: When the first meaningful piece of a stream must have arrived.
        connect: Seconds within which there must be a connection.
    """

    __slots__ = ("_idle", "_now", "caller", "connect", "first_token", "total")

    def __init__(self, timeouts: Timeouts, caller: float) -> None:
        self._now = asyncio.get_running_loop().time
        started = self._now()
        self._idle = timeouts.idle
        self.caller = caller
        self.total = min(started + timeouts.total, caller)
        self.first_token = min(started + timeouts.first_token, self.total)
        self.connect = timeouts.connect

    def next_read(self) -> float:
        """Returns when the next piece of a stream must have arrived."""
        return min(self._now() + self._idle, self.total)

    def check_total(self) -> None:
        """Raises TimeoutError once the total has passed."""
        if self._now() >= self.total:
            raise TimeoutError
