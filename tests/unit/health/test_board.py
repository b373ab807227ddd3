"""What is known of endpoints and providers."""

from __future__ import annotations

import pytest

from arouter.health.board import ProviderState
from arouter.health.breaker import State
from arouter.health.window import NOTHING
from support.health_board import KEY, MODEL, OTHER, SPARE, WatchedBoard

# --- What is observed -------------------------------------------------------------------------------------------------


def test_nothing_is_observed_of_what_was_not_called(board: WatchedBoard) -> None:
    """Unknown is None, not zero."""
    assert board.observed(MODEL, 0) == NOTHING == (0, None, None, None, None)
    assert board.provider_observed("acme", 0) == NOTHING


def test_an_endpoint_is_observed_with_all_its_credentials(board: WatchedBoard) -> None:
    """Means over those calls that say something."""
    board.call(0).succeeded(0, 0.5, 100)
    streamed = board.call(0, key=SPARE)
    streamed.answering(0, 1.5)
    streamed.succeeded(0, 1.5, 50)
    board.call(0).succeeded(0)
    board.fail(0)

    assert board.observed(MODEL, 0) == (4, 0.75, 1, 75, 0.5)
    assert board.provider_observed("acme", 0) == (4, 0.75, 1, 75, 0.5)


def test_the_window_is_thirty_seconds(board: WatchedBoard) -> None:
    """What is older is gone; what is younger than 27 seconds is there."""
    board.call(0).succeeded(0, 1, 10)
    board.call(20).succeeded(20, 2, 20)

    assert board.observed(MODEL, 26.9).calls == 2
    assert board.observed(MODEL, 30) == (1, 1, 2, 20, 2)
    assert board.observed(MODEL, 50) == NOTHING


def test_an_opening_is_an_outage_for_thirty_seconds(board: WatchedBoard) -> None:
    """Also when it is over."""
    board.fail(0, times=3)
    board.call(1).succeeded(1)

    assert board.had_outage(MODEL, 29)
    assert not board.had_outage(MODEL, 31)


@pytest.mark.parametrize(("outcomes", "outage"), [("ffs", False), ("fsfs", False), ("fsfsf", True), ("fssfs", False)])
def test_half_of_five_calls_failing_is_an_outage(board: WatchedBoard, outcomes: str, outage: bool) -> None:
    """Failures that are never three in a row are noticed too."""
    for outcome in outcomes:
        call = board.call(0)
        if outcome == "f":
            call.failed(0)
        else:
            call.succeeded(0)

    assert board.had_outage(MODEL, 0) is outage


def test_a_revoked_key_is_no_outage_of_its_endpoint(board: WatchedBoard) -> None:
    """As long as another works."""
    board.fail(0, times=3)
    assert board.had_outage(MODEL, 0)

    board.call(0, key=SPARE).succeeded(0)
    assert not board.had_outage(MODEL, 0)


# --- Providers --------------------------------------------------------------------------------------------------------


def test_a_provider_is_unavailable_when_all_that_was_used_fails(board: WatchedBoard) -> None:
    """It is told once, and once again when something succeeds."""
    board.call(0, OTHER).succeeded(0)
    board.fail(1, times=3)
    assert board.provider_state("acme", 1) is ProviderState.DEGRADED
    assert board.told == []

    board.fail(1, times=3, endpoint=OTHER)
    assert board.provider_state("acme", 1) is ProviderState.UNAVAILABLE
    assert board.told == ["acme"]

    board.call(2).succeeded(2)
    assert board.provider_state("acme", 2) is ProviderState.DEGRADED
    assert board.told == ["acme", "acme"]


def test_what_succeeded_long_ago_does_not_keep_a_provider_available(board: WatchedBoard) -> None:
    """Lately is five minutes."""
    board.call(0, OTHER).succeeded(0)
    board.fail(301, times=3)

    assert board.provider_state("acme", 301) is ProviderState.UNAVAILABLE


def test_time_alone_does_not_bring_a_provider_back(board: WatchedBoard) -> None:
    """A cooldown that is over is no success, and a probe on its way neither."""
    board.fail(0, times=3)
    assert board.provider_state("acme", 1000) is ProviderState.UNAVAILABLE

    board.call(1000)
    assert board.provider_state("acme", 1000) is ProviderState.UNAVAILABLE


def test_another_endpoints_success_brings_a_provider_back(board: WatchedBoard) -> None:
    """Also one that was never called before."""
    board.fail(0, times=3)
    board.call(0, OTHER).succeeded(0)

    assert board.provider_state("acme", 0) is ProviderState.DEGRADED
    assert board.told == ["acme", "acme"]


def test_a_limit_degrades_a_provider_while_it_runs(board: WatchedBoard) -> None:
    """And does nothing else to it."""
    board.call(0).rate_limited(0, 7)

    assert board.provider_state("acme", 6) is ProviderState.DEGRADED
    assert board.provider_state("acme", 7) is ProviderState.HEALTHY
    assert board.told == []


def test_an_hour_without_use_forgets(board: WatchedBoard) -> None:
    """Models that come and go leave nothing behind; of what is forgotten nothing bad is known."""
    for number in range(1000):
        board.fail(0, times=3, endpoint=f"gone-{number}/model")
    board.begin(MODEL, KEY, 3601)

    assert [
        number for number in range(1000) if board.state(f"gone-{number}/model", KEY, 3601) is not State.HEALTHY
    ] == []
    assert len(board._endpoints) == len(board._providers) == 1
    assert board.told.count("gone-0") == 2
