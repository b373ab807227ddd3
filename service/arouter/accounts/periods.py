"""When spending limits reset: days, weeks and months in UTC (docs.arouter.ai: key management)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from arouter.accounts.records import LimitReset

LIFE = date(1970, 1, 1)
"""The first day of a period that never ends."""

_DAY = 86_400


def first_day(reset: LimitReset | None, now: float) -> date:
    """Returns the first day of the period in which `now`, in seconds since the epoch, is."""
    return _first_day(reset, int(now // _DAY))


@lru_cache(maxsize=16)
def _first_day(reset: LimitReset | None, day: int) -> date:
    today = LIFE + timedelta(days=day)
    match reset:
        case "daily":
            return today
        case "weekly":
            return today - timedelta(days=today.weekday())
        case "monthly":
            return today.replace(day=1)
        case None:
            return LIFE


def next_reset(reset: LimitReset | None, now: float) -> int | None:
    """Returns when the period that contains `now` ends, both in seconds since the epoch; None if it never ends."""
    first = first_day(reset, now)
    match reset:
        case "daily":
            following = first + timedelta(days=1)
        case "weekly":
            following = first + timedelta(days=7)
        case "monthly":
            following = (first + timedelta(days=31)).replace(day=1)
        case None:
            return None
    return int(datetime(following.year, following.month, following.day, tzinfo=UTC).timestamp())
