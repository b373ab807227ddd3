"""When endpoints are left alone, and when they are tried again."""

from __future__ import annotations

import math

import pytest

from arouter.routing.breaker import Cooling, State
from arouter.routing.health import ProviderState
from support.health_board import KEY, MODEL, OTHER, SPARE, Watched


def taken_down(board: Watched) -> float:
    """Has a probe fail; returns when the next one is due."""
    board.fail(0, times=3)
    board.fail(1)
    return 3.0


# --- The breaker ------------------------------------------------------------------------------------------------------


def test_every_pair_that_is_known_is_shown() -> None:
    board = Watched()
    board.call(0.0).succeeded(0.0)
    board.fail(0.0, times=3, key=SPARE)
    board.call(0.0, OTHER).rate_limited(0.0, 10.0)

    assert list(board.states(0.5)) == [(MODEL, State.HEALTHY), (MODEL, State.SUSPECT), (OTHER, State.LIMITED)]


def test_what_was_never_called_is_healthy(board: Watched) -> None:
    """Nothing known is nothing wrong, and nothing to wait for."""
    assert board.at(0) is State.HEALTHY
    assert board.retry_after(MODEL, KEY, 0) == 0


def test_the_third_failure_in_a_row_makes_it_suspect(board: Watched) -> None:
    """Later calls go elsewhere for the cooldown, which `retry_after` tells."""
    board.fail(0, times=2)
    assert board.at(0) is State.HEALTHY

    board.fail(0)
    assert board.at(0.5) is State.SUSPECT
    assert board.retry_after(MODEL, KEY, 0.25) == 0.75


def test_a_success_begins_the_count_anew(board: Watched) -> None:
    """Two failures, a success and two failures are not three in a row."""
    board.fail(0, times=2)
    board.call(0).succeeded(0)
    board.fail(0, times=2)

    assert board.at(0) is State.HEALTHY


def test_each_credential_and_endpoint_is_by_itself(board: Watched) -> None:
    """What fails with one key of a pool may work with the next."""
    board.fail(0, times=3)

    assert board.state(MODEL, SPARE, 0) is State.HEALTHY
    assert board.state(OTHER, KEY, 0) is State.HEALTHY


def test_a_suspect_may_be_called_as_a_last_resort(board: Watched) -> None:
    """Its success is as good as a probe's; its failure is not held against it."""
    board.fail(0, times=3)
    board.fail(0.5, times=5)
    assert board.at(0.5) is State.SUSPECT
    assert board.at(1) is State.PROBE_DUE

    board.fail(0.9)
    board.call(0.9).succeeded(0.9)
    assert board.at(0.9) is State.HEALTHY


def test_one_probe_may_go_after_the_cooldown(board: Watched) -> None:
    """While it is away nobody else may."""
    board.fail(0, times=3)
    assert board.at(1) is State.PROBE_DUE

    board.call(1)
    assert board.at(1) is State.PROBING
    assert board.begin(MODEL, KEY, 1) is None
    assert board.retry_after(MODEL, KEY, 1) == 1


def test_it_is_back_within_one_probe(board: Watched) -> None:
    """However often it failed before; and a later failure finds it as if nothing had been."""
    due = taken_down(board)
    board.call(due).succeeded(due)
    assert board.at(due) is State.HEALTHY

    board.fail(due, times=3)
    assert board.at(due) is State.SUSPECT
    assert board.retry_after(MODEL, KEY, due) == 1


def test_failed_probes_double_the_cooldown_up_to_the_longest(board: Watched) -> None:
    """A provider down for good is asked once a minute."""
    now, cooldowns = 0.0, []
    board.fail(now, times=3)
    for _ in range(9):
        cooldowns.append(board.retry_after(MODEL, KEY, now))
        now += cooldowns[-1]
        board.fail(now)
        assert board.at(now) is State.DOWN
        assert board.begin(MODEL, KEY, now) is None

    assert cooldowns == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_calls_that_began_before_it_opened_change_nothing(board: Watched) -> None:
    """A hundred that fail at once are one opening, and a success from before is no recovery."""
    old = [board.call(0) for _ in range(100)]
    for call in old[:-1]:
        call.failed(1)
    assert board.retry_after(MODEL, KEY, 1) == 1

    old[-1].succeeded(1)
    assert board.at(1) is State.SUSPECT


def test_a_hundred_neutral_endings_never_open_it(board: Watched) -> None:
    """Clients that leave say nothing of the provider."""
    board.fail(0, times=2)
    for _ in range(100):
        board.call(0).neutral(0)

    assert board.at(0) is State.HEALTHY
    assert board.observed(MODEL, 0).calls == 2


def test_a_probe_without_a_verdict_lets_the_next_one_go(board: Watched) -> None:
    """The client of the probe may leave too; the cooldown stays as it was."""
    due = taken_down(board)
    board.call(due).neutral(due)
    assert board.at(due) is State.PROBE_DUE

    board.fail(due)
    assert board.retry_after(MODEL, KEY, due) == 4


def test_a_lost_probe_does_not_block_for_ever(board: Watched) -> None:
    """After a while another goes, and whichever ends first counts."""
    due = taken_down(board)
    lost = board.call(due)
    assert board.at(due + 599) is State.PROBING
    assert board.at(due + 600) is State.PROBE_DUE

    board.call(due + 600)
    assert board.at(due + 601) is State.PROBING
    lost.succeeded(due + 601)
    assert board.at(due + 601) is State.HEALTHY


def test_the_first_token_of_a_probe_lets_others_in(board: Watched) -> None:
    """They need not wait for the end of a long answer."""
    due = taken_down(board)
    probe = board.call(due)
    probe.answering(due, 0.1)
    assert board.at(due) is State.HEALTHY

    probe.succeeded(due + 100)
    board.fail(due + 100, times=2)
    assert board.at(due + 100) is State.HEALTHY


def test_an_answer_that_breaks_off_takes_it_down_again(board: Watched) -> None:
    """A provider that begins every answer and ends none is not tried more often than one that is silent."""
    due = taken_down(board)
    probe = board.call(due)
    probe.answering(due, 0.1)
    probe.failed(due + 1)

    assert board.at(due + 1) is State.DOWN
    assert board.retry_after(MODEL, KEY, due + 1) == 4


def test_beginning_to_answer_is_no_success_of_a_healthy_one(board: Watched) -> None:
    """Three answers in a row that break off open the breaker."""
    for _ in range(3):
        call = board.call(0)
        call.answering(0, 0.1)
        call.failed(0)

    assert board.at(0) is State.SUSPECT


def test_only_the_first_ending_counts(board: Watched) -> None:
    """`neutral` may stand in a `finally`, and nothing counts twice."""
    call = board.call(0)
    for _ in range(3):
        call.failed(0)
    call.succeeded(0)
    call.rate_limited(0, 60)
    call.answering(0, 1)
    call.neutral(0)

    assert board.at(0) is State.HEALTHY
    assert board.observed(MODEL, 0)[:2] == (1, 0)


def test_other_times_hold_from_the_next_failure_on(board: Watched) -> None:
    """What is open stays open until then, and what has doubled stays doubled, up to the new longest."""
    board.fail(0, times=3)
    board.configure(Cooling(failures=1, shortest=5.0, longest=7.0))
    assert board.retry_after(MODEL, KEY, 0) == 1

    board.fail(1)
    assert board.retry_after(MODEL, KEY, 1) == 2
    board.fail(3)
    assert board.retry_after(MODEL, KEY, 3) == 4
    board.fail(7)
    assert board.retry_after(MODEL, KEY, 7) == 7
    board.fail(7, endpoint=OTHER)
    assert board.retry_after(OTHER, KEY, 7) == 5


def test_a_provider_that_is_forgotten_is_as_if_never_called(board: Watched) -> None:
    """What a call still under way finds out is of no consequence; another provider is as it was."""
    board.fail(0, times=3, endpoint="other/model")
    open_call = board.call(0)
    taken_down(board)
    board.forget("acme")
    assert board.at(2) is State.HEALTHY
    assert board.provider_state("acme", 2) is ProviderState.HEALTHY

    open_call.failed(2)
    board.fail(2, times=2)
    assert board.at(2) is State.HEALTHY
    assert board.provider_state("other", 2) is ProviderState.UNAVAILABLE
    board.forget("never called")


# --- retry-after ------------------------------------------------------------------------------------------------------


def test_a_429_limits_for_as_long_as_it_says(board: Watched) -> None:
    """It may still be called, and any number of them is no outage."""
    for _ in range(10):
        board.call(0).rate_limited(0, 7)

    assert board.at(6) is State.LIMITED
    assert board.retry_after(MODEL, KEY, 6) == 1
    assert board.at(7) is State.HEALTHY
    assert not board.had_outage(MODEL, 0)


def test_a_429_that_does_not_say_limits_for_the_shortest_cooldown(board: Watched) -> None:
    """Some providers send no retry-after."""
    board.call(0).rate_limited(0)

    assert board.retry_after(MODEL, KEY, 0) == 1


def test_a_failure_may_ask_for_a_pause_too(board: Watched) -> None:
    """A 503 with retry-after limits at once, and outlasts the cooldown."""
    board.call(0).failed(0, 30)
    assert board.at(0) is State.LIMITED

    board.fail(0, times=2)
    assert board.retry_after(MODEL, KEY, 0) == 30
    assert board.at(29) is State.SUSPECT
    assert board.at(30) is State.PROBE_DUE


def test_a_429_puts_the_next_probe_off(board: Watched) -> None:
    """It is no failure, so the cooldown is not doubled; nor is it a success."""
    due = taken_down(board)
    board.call(due).rate_limited(due, 10)
    assert board.at(due + 9) is State.DOWN

    board.fail(due + 10)
    assert board.retry_after(MODEL, KEY, due + 10) == 4


def test_a_new_deadline_never_shortens_an_older_one(board: Watched) -> None:
    """The latest of all deadlines holds, a success in between or not."""
    board.call(0).rate_limited(0, 60)
    board.call(1).rate_limited(1, 5)
    board.call(1).succeeded(1)
    board.call(1).rate_limited(1)

    assert board.retry_after(MODEL, KEY, 1) == 59


@pytest.mark.parametrize(("said", "kept"), [(-5, 0), (0, 0), (math.nan, 0), (math.inf, 600), (10**9, 600)])
def test_a_senseless_retry_after_does_no_harm(board: Watched, said: float, kept: float) -> None:
    """Providers make mistakes with dates."""
    board.call(0).rate_limited(0, said)

    assert board.retry_after(MODEL, KEY, 0) == kept
