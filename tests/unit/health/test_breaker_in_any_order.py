"""What holds of an endpoint whatever happens to its calls, in whatever order."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from arouter.health.breaker import State
from arouter.health.records import AttemptTicket
from support.health_board import COOLING, KEY, MODEL, WatchedBoard


class AnyOrder(RuleBasedStateMachine):
    """One pair, with calls that begin and end in any order while time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.board = WatchedBoard()
        self.now = 0.0
        self.calls: list[tuple[AttemptTicket, float | None]] = []
        """Those that have not ended, each with when it began if it is a probe."""

    @property
    def state(self) -> State:
        return self.board.at(self.now)

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 5.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def begin(self) -> None:
        before = self.state
        call = self.board.begin(MODEL, KEY, self.now)
        assert (call is None) == (before in (State.DOWN, State.PROBING))
        if call is not None:
            if before is State.PROBE_DUE:
                assert all(began is None or began + COOLING.probe_timeout <= self.now for _, began in self.calls)
            self.calls.append((call, self.now if before is State.PROBE_DUE else None))
            assert self.state is (State.PROBING if before is State.PROBE_DUE else before)

    @precondition(lambda self: self.calls)
    @rule(
        which=st.integers(0, 99), ending=st.sampled_from(["failed", "rate_limited"]), wait=st.none() | st.floats(0, 90)
    )
    def go_wrong(self, which: int, ending: str, wait: float | None) -> None:
        call, _ = self.calls.pop(which % len(self.calls))
        before, deadline = self.state, self.now + self.board.retry_after(MODEL, KEY, self.now)
        getattr(call, ending)(self.now, wait)
        if before is not State.PROBING:
            assert self.now + self.board.retry_after(MODEL, KEY, self.now) >= deadline - 1e-6
        if ending == "rate_limited":
            opened = self.state in (State.SUSPECT, State.DOWN)
            assert not opened or before not in (State.HEALTHY, State.LIMITED)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 99))
    def go_well(self, which: int) -> None:
        call, probe = self.calls.pop(which % len(self.calls))
        before = self.state
        call.succeeded(self.now)
        if probe is not None and before is State.PROBING and self.now < probe + COOLING.probe_timeout:
            assert self.state in (State.HEALTHY, State.LIMITED)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 99))
    def say_nothing(self, which: int) -> None:
        call, probe = self.calls.pop(which % len(self.calls))
        before = self.state
        call.neutral(self.now)
        if probe is None:
            assert self.state is before

    @rule()
    def go_down(self) -> None:
        """Three failures are enough, whatever was before."""
        for _ in range(3):
            call = self.board.begin(MODEL, KEY, self.now)
            if call is not None:
                call.failed(self.now)
        assert self.state not in (State.HEALTHY, State.LIMITED, State.PROBE_DUE)

    @rule()
    def recover(self) -> None:
        """One probe is enough, whatever was before."""
        self.calls.clear()
        self.now += 1000
        call = self.board.begin(MODEL, KEY, self.now)
        assert call is not None
        call.succeeded(self.now)
        assert self.state is State.HEALTHY

    @invariant()
    def a_wait_is_never_longer_than_the_longest(self) -> None:
        assert 0 <= self.board.retry_after(MODEL, KEY, self.now) <= 90 + 1e-6


TestAnyOrder = AnyOrder.TestCase
