"""Failures of one key, or of one body, do not keep others from an endpoint: whatever the order of their calls."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from arouter.health.board import ProviderState
from arouter.health.breaker import State
from arouter.health.origin import Origin
from arouter.health.records import AttemptTicket
from support.health_board import KEY, MODEL, WatchedBoard

GOOD = [Origin(f"good-{number}", {"body": f"good {number}"}) for number in range(3)]
NEW = Origin("new", {"body": "new"})


def bad(body: int) -> Origin:
    return Origin("bad", {"body": body})


def fail_long(board: WatchedBoard, origins: list[Origin], until: float = 60.0) -> None:
    """Fails at five calls a second, one origin after the other."""
    for number in range(int(until * 5)):
        call = board.begin(MODEL, KEY, number / 5, origins[number % len(origins)])
        if call is not None:
            call.failed(number / 5)


class OneBadKey(RuleBasedStateMachine):
    """Calls of one key that all fail, and calls of others that succeed, which begin and end in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.board = WatchedBoard()
        self.now = 0.0
        self.bad: list[AttemptTicket] = []
        self.good: list[AttemptTicket] = []

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 5.0, 61.0, 601.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(body=st.integers(0, 4), times=st.integers(1, 4), last_resort=st.booleans())
    def begin_bad(self, body: int, times: int, last_resort: bool) -> None:
        calls = (self.board.begin(MODEL, KEY, self.now, bad(body), last_resort=last_resort) for _ in range(times))
        self.bad += [call for call in calls if call is not None]

    @rule(which=st.sampled_from(GOOD))
    def begin_good(self, which: Origin) -> None:
        call = self.board.begin(MODEL, KEY, self.now, which)
        assert call is not None
        self.good.append(call)

    @precondition(lambda self: self.bad)
    @rule(which=st.integers(0, 99), ending=st.sampled_from(["failed", "begun", "neutral"]))
    def end_bad(self, which: int, ending: str) -> None:
        call = self.bad.pop(which % len(self.bad))
        if ending == "neutral":
            call.neutral(self.now)
            return
        if ending == "begun":
            call.answering(self.now, 0.1)
        call.failed(self.now, 60)

    @precondition(lambda self: self.good)
    @rule(which=st.integers(0, 99))
    def end_good(self, which: int) -> None:
        self.good.pop(which % len(self.good)).succeeded(self.now)

    @invariant()
    def others_find_it_healthy(self) -> None:
        for origin in (*GOOD, NEW):
            assert self.board.at(self.now, origin) is State.HEALTHY
            assert not self.board.had_outage(MODEL, self.now, origin.key)


TestOneBadKey = OneBadKey.TestCase


@pytest.mark.parametrize(
    "origins",
    [
        [bad(0)],
        [bad(number) for number in range(100)],
        [Origin(f"key-{number}", {"body": "the same"}) for number in range(100)],
    ],
    ids=["one key, one body", "one key, many bodies", "many keys, one body"],
)
def test_failures_of_one_key_or_one_body_concern_nobody_else(board: WatchedBoard, origins: list[Origin]) -> None:
    """However many there are."""
    fail_long(board, origins)

    assert board.at(60, NEW) is State.HEALTHY
    assert board.retry_after(MODEL, KEY, 60, NEW) == 0


def test_one_body_does_not_concern_the_other_bodies_of_its_key(board: WatchedBoard) -> None:
    """An application with one key has one poisonous document among others."""
    fail_long(board, [bad(0)])

    assert board.at(60, bad(0)) is State.DOWN
    assert board.at(60, bad(1)) is State.HEALTHY


def test_different_keys_with_different_bodies_are_evidence(board: WatchedBoard) -> None:
    """Three failures in a row, of two keys with two bodies: it is the endpoint."""
    board.fail(0, times=2, origin=GOOD[0])
    assert board.at(0, NEW) is State.HEALTHY
    board.fail(0, origin=GOOD[1])

    assert board.at(0, NEW) is State.SUSPECT


def test_a_key_that_fails_alone_is_no_evidence_against_others(board: WatchedBoard) -> None:
    """Once its own breaker is open; so a single failure of another key changes nothing after the next success."""
    board.fail(0, times=3, origin=bad(0))
    board.call(0, origin=NEW).succeeded(0)
    for now in range(1, 100):
        if (call := board.begin(MODEL, KEY, now, bad(0))) is not None:
            call.failed(now)
        board.fail(now, origin=GOOD[0]) if now % 9 == 0 else board.call(now, origin=GOOD[0]).succeeded(now)
        assert board.at(now, NEW) is State.HEALTHY


def test_no_connection_is_evidence_whoever_calls(board: WatchedBoard) -> None:
    """No request can be the cause."""
    for _ in range(3):
        board.call(0, origin=bad(0)).failed(0, connected=False)

    assert board.at(0, NEW) is State.SUSPECT


def test_a_key_that_fails_alone_does_not_make_a_provider_unavailable(board: WatchedBoard) -> None:
    """While another key's calls succeed; else it is all that is known."""
    board.call(0, origin=GOOD[0]).succeeded(0)
    fail_long(board, [bad(0)])
    assert board.provider_state("acme", 60) is not ProviderState.UNAVAILABLE
    assert [state for _, state in board.states(60)] == [State.HEALTHY]

    fail_long(board, [bad(0)], until=400)
    assert board.provider_state("acme", 400) is ProviderState.UNAVAILABLE
    board.call(400, origin=GOOD[0]).succeeded(400)
    assert board.provider_state("acme", 400) is not ProviderState.UNAVAILABLE


def outage(board: WatchedBoard) -> None:
    """Fails for two keys; then the probe fails too."""
    board.fail(0, times=2, origin=GOOD[0])
    board.fail(0, origin=GOOD[1])
    board.fail(1, origin=NEW)


def test_one_that_is_down_may_be_called_once_in_each_cooldown(board: WatchedBoard) -> None:
    """As the last resort; and a success is as good as a probe's."""
    outage(board)
    assert board.at(1, GOOD[2]) is State.DOWN

    calls = [board.begin(MODEL, KEY, now, GOOD[2], last_resort=True) for now in (1.1, 1.2, 2.0, 2.1, 2.2)]
    assert [call is not None for call in calls] == [True, False, False, True, False]
    assert calls[3] is not None
    calls[3].succeeded(2.3)
    assert board.at(2.3, GOOD[2]) is State.HEALTHY


def test_a_key_that_fails_alone_does_not_use_up_the_last_resort_of_others(board: WatchedBoard) -> None:
    """It has its own."""
    for number in range(20):
        board.begin(MODEL, KEY, 0, bad(number))
    board.fail(0, times=4, origin=bad(0))
    outage(board)
    for _ in range(10):
        call = board.begin(MODEL, KEY, 1.5, bad(0), last_resort=True)
        if call is not None:
            call.failed(1.5)

    assert board.begin(MODEL, KEY, 1.5, bad(0), last_resort=True) is None
    assert board.begin(MODEL, KEY, 1.5, GOOD[2], last_resort=True) is not None


def test_failures_are_remembered_for_a_bounded_number_of_keys_and_bodies(board: WatchedBoard) -> None:
    """For any key and body."""
    for number in range(5000):
        board.fail(number, origin=Origin(f"key-{number}", {}))
        board.call(number, origin=NEW).succeeded(number)
    for number in range(500):
        if (call := board.begin(MODEL, KEY, 5000 + number, bad(number))) is not None:
            call.failed(5000 + number)

    [pair] = board._endpoints[MODEL].pairs.values()
    assert len(pair.breakers._keys) <= 1000
    assert len(pair.breakers._keys["bad"].bodies) <= 16
