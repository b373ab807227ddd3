"""The headers, and amounts as people read them."""

from __future__ import annotations

import pytest

from arouter.limits.answers import duration, rate_headers, spending_limit
from arouter.limits.budget import ReserveResult
from arouter.limits.windows import Rates, Window

NOW = 1000.5


def test_the_tighter_of_minute_and_day_is_shown() -> None:
    minute, day = Window(50, 10, 2.7), Window(1000, 9, 3999.5)

    headers = rate_headers(Rates(minute, day, Window(9000, 0, 19.5)), NOW)

    assert headers == (
        ("x-ratelimit-limit", "1000"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset", "5000"),
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "9"),
        ("x-ratelimit-reset-requests", "1h6m40s"),
        ("x-ratelimit-limit-tokens", "9000"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "20s"),
    )


def test_of_two_that_are_used_up_the_later_one_is_shown() -> None:
    headers = dict(rate_headers(Rates(Window(5, 0, 2.5), Window(7, 0, 3999.5), None), NOW))

    assert headers["x-ratelimit-limit"] == "7"
    assert "x-ratelimit-limit-tokens" not in headers


def test_a_key_with_only_money_has_no_headers() -> None:
    assert rate_headers(Rates(None, None, None), NOW) == ()


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1s"), (59, "59s"), (60, "1m0s"), (360, "6m0s"), (3600, "1h0m0s"), (86_399, "23h59m59s")]
)
def test_durations_are_openais(seconds: int, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "$0.00"), (10**9, "$1.00"), (1_500_000_000, "$1.50"), (12, "$0.000000012"), (1234 * 10**9, "$1,234.00")],
)
def test_amounts_are_exact(nanos: int, text: str) -> None:
    assert f"{text} are spent." in spending_limit(1, None, ReserveResult(False, nanos, 0), NOW).message
