"""Windows of requests and tokens."""

from __future__ import annotations

from typing import NamedTuple

MINUTE = 60
DAY = 86_400


class Window(NamedTuple):
    """The state of a limit.

    Attributes:
        limit: The limit.
        remaining: What remains of it.
        wait: Seconds until more is available.
    """

    limit: int
    remaining: int
    wait: float


class Rates(NamedTuple):
    """The windows of a key; None for limits that it does not have."""

    minute: Window | None
    day: Window | None
    tokens: Window | None


UNCOUNTED = Rates(None, None, None)


def fixed_window(limit: int, taken: int, length: int, now: float) -> Window:
    """Returns the state of a window that is aligned to the clock, such as a day."""
    return Window(limit, min(max(limit - taken, 0), limit), length - now % length)
