"""A process is hung once it has sent no heartbeat for five seconds in which it was watched."""

from __future__ import annotations

import pytest

from arouter.server.processes.heartbeat import INTERVAL, TIMEOUT, Heartbeat


def check(heartbeat: Heartbeat, start: float, seconds: float) -> list[float]:
    """Checks once an interval; returns the times at which the process counts as hung."""
    times = [start + number * INTERVAL for number in range(int(seconds / INTERVAL) + 1)]
    return [now for now in times if heartbeat.is_overdue(now)]


@pytest.fixture
def heartbeat() -> Heartbeat:
    heartbeat = Heartbeat()
    heartbeat.receive(100.0)
    return heartbeat


def test_one_that_has_stopped_is_hung(heartbeat: Heartbeat) -> None:
    assert check(heartbeat, 100.5, 8) == [105.5, 106.5, 107.5, 108.5]


def test_one_that_was_blocked_for_less_is_not(heartbeat: Heartbeat) -> None:
    assert check(heartbeat, 100.5, TIMEOUT - INTERVAL) == []
    heartbeat.receive(105.0)
    assert check(heartbeat, 105.5, TIMEOUT - INTERVAL) == []


def test_one_that_starts_is_not() -> None:
    heartbeat = Heartbeat()

    assert check(heartbeat, 0.0, 100) == []
    assert not heartbeat.has_started


def test_one_that_ends_is_not(heartbeat: Heartbeat) -> None:
    heartbeat.end()

    assert check(heartbeat, 100.5, 100) == []
    assert heartbeat.has_started


def test_after_the_watcher_was_suspended_the_time_begins_anew(heartbeat: Heartbeat) -> None:
    assert check(heartbeat, 100.5, 2) == []

    assert check(heartbeat, 1000.0, 8) == [1006.0, 1007.0, 1008.0]
