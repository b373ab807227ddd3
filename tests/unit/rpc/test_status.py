from __future__ import annotations

import math

import pytest

from arouter.rpc.status import _pushback


@pytest.mark.parametrize(
    ("retry_after", "remaining", "pushback"),
    [(1, math.inf, "1000"), (59, math.inf, "59000"), (60, math.inf, "-1"), (5, 5.5, "5000"), (5, 5.0, "-1")],
)
def test_a_channel_waits_only_if_the_retry_comes_in_time(retry_after: int, remaining: float, pushback: str) -> None:
    assert _pushback(retry_after, remaining) == pushback
