"""The headers and errors that tell clients about limits."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from arouter.accounts import periods
from arouter.accounts.records import LimitReset
from arouter.accounts.units import NANOS
from arouter.errors import ARouterError, Failure
from arouter.limits.budget import ReserveResult
from arouter.limits.windows import Rates, Window

Headers = tuple[tuple[str, str], ...]

_RETRY_STORE = 1


def rate_headers(rates: Rates, now: float) -> Headers:
    """Returns the `x-ratelimit-*` headers: the documented ones, for requests, and OpenAI's.

    For requests they show the window, minute or day, with less remaining.
    """
    both = [window for window in (rates.minute, rates.day) if window is not None]
    requests = min(both, key=lambda window: (window.remaining, -window.wait)) if both else None
    headers: list[tuple[str, str]] = []
    if requests is not None:
        headers += [
            ("x-ratelimit-limit", str(requests.limit)),
            ("x-ratelimit-remaining", str(requests.remaining)),
            ("x-ratelimit-reset", str(math.ceil(now + requests.wait))),
        ]
    for name, window in (("requests", requests), ("tokens", rates.tokens)):
        if window is not None:
            headers += [
                (f"x-ratelimit-limit-{name}", str(window.limit)),
                (f"x-ratelimit-remaining-{name}", str(window.remaining)),
                (f"x-ratelimit-reset-{name}", duration(_wait(window))),
            ]
    return tuple(headers)


def rate_limited(what: str, window: Window, headers: Headers) -> ARouterError:
    """Returns the 429 for a key that has used up a window; `what` is its unit, such as `requests per minute`."""
    wait = _wait(window)
    return ARouterError(
        Failure.RATE_LIMITED,
        f"This key's limit of {window.limit} {what} is reached. Try again in {duration(wait)}.",
        retry_after=wait,
        headers=headers,
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
