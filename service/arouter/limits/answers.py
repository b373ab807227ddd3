"""The headers and errors that tell clients about limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from arouter.accounts import periods
from arouter.accounts.records import LimitReset
from arouter.accounts.units import NANOS
from arouter.errors import ARouterError, Failure
from arouter.limits.budget import ReserveResult
from arouter.limits.windows import Rates, Window

Headers = tuple[tuple[str, str], ...]

RateLimit = Literal["minute", "day", "tokens"]
"""A limit of a key, by the name of its window in `Rates`."""

_UNITS: Mapping[RateLimit, str] = {
    "minute": "requests per minute",
    "day": "requests per day",
    "tokens": "tokens per minute",
}
_RETRY_STORE = 1


def rate_headers(rates: Rates, now: float) -> Headers:
    """Returns the `x-ratelimit-*` headers: the documented ones, for requests, and OpenAI's.

    For requests they show the window, minute or day, with less remaining.
    """
    requests, day, tokens = rates
    if requests is None or (day is not None and (day.remaining, -day.wait) < (requests.remaining, -requests.wait)):
        requests = day
    headers: Headers = ()
    if requests is not None:
        limit, remaining = str(requests.limit), str(requests.remaining)
        headers = (
            ("x-ratelimit-limit", limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", str(math.ceil(now + requests.wait))),
            ("x-ratelimit-limit-requests", limit),
            ("x-ratelimit-remaining-requests", remaining),
            ("x-ratelimit-reset-requests", duration(_wait(requests))),
        )
    if tokens is not None:
        headers += (
            ("x-ratelimit-limit-tokens", str(tokens.limit)),
            ("x-ratelimit-remaining-tokens", str(tokens.remaining)),
            ("x-ratelimit-reset-tokens", duration(_wait(tokens))),
        )
    return headers


def rate_limited(limit: RateLimit, rates: Rates, now: float) -> ARouterError:
    """Returns the 429 for a key that has used up a window.

    Args:
        limit: The limit whose window it is.
        rates: All windows of the key.
        now: Seconds since the epoch.
    """
    window: Window = getattr(rates, limit)
    wait = _wait(window)
    return ARouterError(
        Failure.RATE_LIMITED,
        f"This key's limit of {window.limit} {_UNITS[limit]} is reached. Try again in {duration(wait)}.",
        retry_after=wait,
        headers=rate_headers(rates, now),
    )


def spending_limit(limit: int, reset: LimitReset | None, result: ReserveResult, now: float) -> ARouterError:
    """Returns the 402 for a key that has reached its spending limit."""
    period = f"{reset} spending limit" if reset else "spending limit"
    held = f", and {_usd(result.held)} are reserved by calls in flight" if result.held else ""
    at = periods.next_reset(reset, now)
    until = (
        "It does not reset." if at is None else f"It resets at {datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}."
    )
    return ARouterError(
        Failure.SPENDING_LIMIT,
        f"This key's {period} of {_usd(limit)} is reached: {_usd(result.spent)} are spent{held}. {until}",
    )


def unavailable() -> ARouterError:
    """Returns the 503 for a call whose limits cannot be checked."""
    return ARouterError(
        Failure.UNAVAILABLE, "The limits of this key cannot be checked at the moment.", retry_after=_RETRY_STORE
    )


def duration(seconds: int) -> str:
    """Returns a duration in OpenAI's format: `1s`, `6m0s`, `1h0m0s`."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _wait(window: Window) -> int:
    """Returns the seconds until more is available, rounded up; at least 1."""
    return max(math.ceil(window.wait), 1)


def _usd(nanos: int) -> str:
    """Returns an amount with at least two and at most nine decimals."""
    whole, rest = divmod(nanos, NANOS)
    return f"${whole:,}.{f'{rest:09}'.rstrip('0'):0<2}"
