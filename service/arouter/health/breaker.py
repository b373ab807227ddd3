"""Decides whether an endpoint may be tried with a credential. Pure: it is told the time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

_NEVER = -float("inf")

_MAX_RETRY_AFTER = 600.0
"""Seconds that a provider's `retry-after` counts at most: some are dates with the wrong year."""


class State(Enum):
    """What may be done.

    HEALTHY: call it. LIMITED: its provider asked for a pause; call it when nothing is better. SUSPECT: it failed and
    cools down for the first time; call it when nothing else is left. PROBE_DUE: it has cooled down, and one call may
    find out. PROBING: that call is on its way. DOWN: the last such call failed, and it cools down again.
    """

    HEALTHY = "healthy"
    LIMITED = "limited"
    SUSPECT = "suspect"
    PROBE_DUE = "probe_due"
    PROBING = "probing"
    DOWN = "down"


@dataclass(frozen=True)
class Cooling:
    """When a breaker opens and for how long.

    Attributes:
        failures: In a row, after which it opens.
        shortest: Seconds of the first cooldown, doubled whenever a probe fails.
        longest: Seconds that it is doubled up to.
        patience: Seconds after which a probe that has not ended does not hold others up, and one more may go.
    """

    failures: int = 3
    shortest: float = 1.0
    longest: float = 60.0
    patience: float = 5.0


class Cause(NamedTuple):
    """Whose call failed: failures of one key or of one body may be the fault of that key or body.

    Attributes:
        key: The hash of the API key.
        body: The digest of the request body.
    """

    key: str
    body: int


class Evidence(NamedTuple):
    """How many different causes a run of failures needs before it opens a breaker.

    Attributes:
        keys: Different API keys.
        bodies: Different request bodies.
    """

    keys: int = 1
    bodies: int = 1


ANY = Evidence()


class Breaker:
    """Closed while all is well, open after failures, closed again by a success that began since.

    What a call finds out counts only while its ticket is the newest: a call that began before the breaker opened says
    nothing of the provider since.

    Args:
        cooling: When it opens and for how long.
        evidence: What a run of failures needs beside its length.
        ticket: The first.

    Attributes:
        is_open: Whether the last news are failures.
        opened: When it last opened, or a probe last failed.
        ticket: The newest.
    """

    __slots__ = (
        "_bodies",
        "_cooling",
        "_cooling_until",
        "_evidence",
        "_failures",
        "_keys",
        "_limited_until",
        "_next",
        "_probe_failed",
        "_probe_until",
        "_spare_at",
        "_trial",
        "_unreachable",
        "is_open",
        "opened",
        "ticket",
    )

    def __init__(self, cooling: Cooling, evidence: Evidence = ANY, ticket: int = 0) -> None:
        self._cooling = cooling
        self._evidence = evidence
        self._keys: tuple[str, ...] = ()
        self._bodies: tuple[int, ...] = ()
        self._unreachable = False
        self.is_open = False
        self.opened = _NEVER
        self.ticket = ticket
        self._failures = 0
        self._next = cooling.shortest
        self._cooling_until = _NEVER
        self._limited_until = _NEVER
        self._probe_until = _NEVER
        self._probe_failed = False
        self._spare_at = _NEVER
        self._trial: int | None = None

    def configure(self, cooling: Cooling) -> None:
        """Takes other times, from the next failure on. What is known stays."""
        doubled = self._next != self._cooling.shortest
        self._next = min(self._next, cooling.longest) if doubled else cooling.shortest
        self._cooling = cooling

    def state(self, now: float) -> State:
        """Returns what may be done."""
        if not self.is_open:
            return State.HEALTHY if now >= self._limited_until else State.LIMITED
        if now < self._probe_until:
            return State.PROBING
        if now >= self._cooling_until and now >= self._limited_until:
            return State.PROBE_DUE
        return State.DOWN if self._probe_failed else State.SUSPECT

    def retry_after(self, now: float) -> float:
        """Returns the seconds until it may be tried, or tried as well as any other; a guess while a probe is away."""
        state = self.state(now)
        if state is State.HEALTHY or state is State.PROBE_DUE:
            return 0.0
        if state is State.PROBING:
            return self._cooling.shortest
        return max(self._limited_until, self._cooling_until if self.is_open else _NEVER) - now

    def enter(self, now: float) -> int | None:
        """Returns the ticket of a call that begins, or None if none may: another is the probe, or it is down."""
        state = self.state(now)
        if state is State.DOWN or state is State.PROBING:
            return None
        if state is State.PROBE_DUE:
            # One that takes long is still a probe; whichever ends first counts.
            if self._probe_until == _NEVER:
                self.ticket += 1
            self._probe_until = now + self._cooling.patience
        return self.ticket

    def has_spare(self, now: float) -> bool:
        """Says whether a call may begin although the breaker is DOWN or PROBING: one may in each shortest cooldown."""
        return now >= self._spare_at

    def take_spare(self, now: float) -> None:
        """Notes that such a call begins. Its ticket is the newest; its success closes the breaker."""
        self._spare_at = now + self._cooling.shortest

    def answer(self, ticket: int) -> int | None:
        """Takes note that an answer has begun.

        Returns:
            A new ticket if that closed the breaker, on trial: one failure of this call opens it again. Else None.
        """
        if ticket != self.ticket or not self.is_open:
            return None
        self._close()
        self._trial = self.ticket
        self.ticket += 1
        return self._trial

    def succeed(self, ticket: int) -> bool:
        """Takes note of a success; says whether it closed the breaker."""
        if ticket != self.ticket and ticket != self._trial:
            return False
        self._forget_run()
        self._trial = None
        self._next = self._cooling.shortest
        if not self.is_open:
            return False
        self._close()
        return True

    def fail(self, ticket: int, now: float, retry_after: float | None, cause: Cause | None) -> bool:
        """Takes note of a failure; says whether it opened the breaker, or keeps it open after a probe.

        Args:
            ticket: Of the call.
            now: The time.
            retry_after: Seconds for which the provider asks to be left alone.
            cause: Whose call it was; None if no request can be the cause: the provider could not be connected to.
        """
        opens = self._takes(ticket, cause)
        # One key's or one body's failure says how long that key or body should wait, not how long all others should.
        if opens or cause is None or self._evidence == ANY:
            self._pause(now, retry_after)
        if opens:
            self._open(now)
        return opens

    def _takes(self, ticket: int, cause: Cause | None) -> bool:
        """Counts a failure, and says whether it opens the breaker or keeps it open."""
        if ticket == self._trial and not self.is_open:
            return True
        if ticket != self.ticket:
            return False
        if self.is_open:
            # A suspect's last resort is no probe: its failure is no news.
            return self._probe_until != _NEVER
        self._failures += 1
        if cause is None:
            self._unreachable = True
        elif not self._unreachable:
            if len(self._keys) < self._evidence.keys and cause.key not in self._keys:
                self._keys += (cause.key,)
            if len(self._bodies) < self._evidence.bodies and cause.body not in self._bodies:
                self._bodies += (cause.body,)
        if self._failures < self._cooling.failures:
            return False
        return self._unreachable or (
            len(self._keys) >= self._evidence.keys and len(self._bodies) >= self._evidence.bodies
        )

    def limit(self, ticket: int, now: float, retry_after: float | None) -> None:
        """Takes note that the provider asks for a pause; one of the shortest cooldown if it does not say how long."""
        self._pause(now, self._cooling.shortest if retry_after is None else retry_after)
        self.release(ticket)

    def release(self, ticket: int) -> None:
        """Takes note of an ending that says nothing: if it was the probe, another may go."""
        if ticket == self.ticket:
            self._probe_until = _NEVER

    def _close(self) -> None:
        self.is_open = False
        self.ticket += 1
        self._cooling_until = self._probe_until = _NEVER

    def _open(self, now: float) -> None:
        self._probe_failed = self.is_open or self._trial is not None
        self._trial = None
        self.is_open = True
        self.opened = now
        self.ticket += 1
        self._forget_run()
        self._probe_until = _NEVER
        self._cooling_until = max(self._cooling_until, now + self._next)
        self._next = min(2 * self._next, self._cooling.longest)

    def _forget_run(self) -> None:
        self._failures = 0
        self._unreachable = False
        self._keys = self._bodies = ()

    def _pause(self, now: float, seconds: float | None) -> None:
        # No number is no pause either.
        if seconds is not None and seconds > 0:
            self._limited_until = max(self._limited_until, now + min(seconds, _MAX_RETRY_AFTER))
