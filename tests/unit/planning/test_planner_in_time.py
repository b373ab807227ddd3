"""Plans of endpoints that are down, or too slow for the deadline of a call."""

from __future__ import annotations

import math
from typing import Any

import pytest
from unit.planning.plans import (
    ANY_KEY,
    CREDENTIALS,
    after,
    endpoints,
    origin,
    planned,
    planner,
    request,
)

from arouter.errors import ARouterError, Failure
from arouter.health.board import HealthBoard
from arouter.health.breaker import Cooling
from arouter.planning.planner import Planner


def down(endpoint: str) -> HealthBoard:
    """Returns a board on which a probe of an endpoint, with different bodies of one key, failed at 99.5."""
    board = HealthBoard(Cooling(failures=3, shortest=1, longest=60))
    for number, at in enumerate((97.0, 97.1, 97.2, 99.5)):
        call = board.begin(endpoint, CREDENTIALS[endpoint][0], at, origin(number))
        assert call is not None
        call.failed(at)
    return board


def test_an_endpoint_that_is_down_is_not_called_and_the_503_says_so() -> None:
    """Its probe has failed, and there is no other endpoint."""
    board = down("beta/m")
    assert board.begin("beta/m", "beta#1", 100, origin(), last_resort=True) is not None

    with pytest.raises(ARouterError) as caught:
        planner(board).plan(request(model="beta/m"), ANY_KEY, 100)

    assert caught.value.failure is Failure.UNAVAILABLE
    assert caught.value.retry_after == 2
    assert "beta/m at beta is failing and in cooldown" in caught.value.message
    assert "beta/m" not in planned(planner(board), {"model": "shared/m"})


def test_an_endpoint_that_is_down_is_a_last_resort_once_per_cooldown() -> None:
    """A request that only it can answer is not refused, unless there are many."""
    board = down("beta/m")

    for now in (100.0, 101.0):
        assert planned(planner(board), {"model": "beta/m"}, now=now) == ["beta/m"]
        assert board.begin("beta/m", "beta#1", now, origin(), last_resort=True) is not None
        assert board.begin("beta/m", "beta#1", now, origin(), last_resort=True) is None


@pytest.mark.parametrize(
    ("body", "remaining", "is_left"),
    [
        ({"stream": True}, math.inf, True),
        ({"stream": True}, 2.5, True),
        ({"stream": True}, 1.5, False),
        ({"max_tokens": 1000}, 2.5, True),
        ({"max_tokens": 1000}, 1.5, False),
    ],
    ids=str,
)
def test_an_endpoint_too_slow_for_the_deadline_is_not_asked(
    body: dict[str, Any], remaining: float, is_left: bool
) -> None:
    """It was seen to take 2 s to the first token. `max_tokens` is a bound, and says nothing of how long it takes."""
    board = after(*[("beta/m", "slow", 99.0)] * 5)

    plan = planner(board).plan(request(model="shared/m", **body), ANY_KEY, 100, remaining)

    assert ("beta/m" in endpoints(plan)) is is_left
    assert "alpha/m" in endpoints(plan)


def hasty(made_by: Planner) -> ARouterError | None:
    """Returns why a request that waits for half a second is refused, if it is."""
    try:
        made_by.plan(request(model="beta/m", stream=True), ANY_KEY, 100, 0.5)
    except ARouterError as error:
        return error
    return None


def test_if_no_endpoint_can_answer_in_time_the_deadline_is_the_reason_and_some_are_sent_all_the_same() -> None:
    """Not UNAVAILABLE, upon which a client with the same deadline would try again."""
    made_by = planner(after(*[("beta/m", "slow", 99.0)] * 5))

    refused = [error for _ in range(1000) if (error := hasty(made_by))]

    assert 700 < len(refused) < 900
    assert {(error.failure, error.retry_after) for error in refused} == {(Failure.DEADLINE_EXCEEDED, None)}
    assert "deadline leaves 0.5 s" in refused[0].message


@pytest.mark.parametrize("quick", ["quick", "quick and whole"])
def test_one_quick_answer_ends_the_refusals(quick: str) -> None:
    """Also where the average would take half a minute to follow."""
    made_by = planner(after(*[("beta/m", "slow", 98.0)] * 20, ("beta/m", quick, 99.0)))

    assert not any(hasty(made_by) for _ in range(100))
