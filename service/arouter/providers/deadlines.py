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
        idle: Seconds within which the next piece of a stream must have arrived.
    """

    __slots__ = ("caller", "connect", "first_token", "idle", "total")

    def __init__(self, timeouts: Timeouts, caller: float) -> None:
        started = asyncio.get_running_loop().time()
        self.idle = timeouts.idle
        self.caller = caller
        self.total = min(started + timeouts.total, caller)
        self.first_token = min(started + timeouts.first_token, self.total)
        self.connect = timeouts.connect
