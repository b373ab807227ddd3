"""The circuit breaker, which decides whether an endpoint may be tried with a credential. Pure: it takes the time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

_NEVER = -float("inf")

_MAX_RETRY_AFTER = 600.0
"""Maximum number of seconds for a provider's `retry-after`: some are dates with the wrong year."""


class State(Enum):
    """The state of a breaker.

    HEALTHY: calls are allowed. LIMITED: the provider asked for a pause; a call is made only if nothing is better.
    SUSPECT: it has failed and is in its first cooldown; a call is made only as a last resort. PROBE_DUE: the cooldown
    is over, and one call may probe. PROBING: the probe is in flight. DOWN: the probe failed, and the breaker is in
    cooldown again.
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
        failures: Consecutive failures after which it opens.
        shortest: Seconds of the first cooldown, which is doubled whenever a probe fails.
        longest: Maximum length of a cooldown in seconds.
        probe_timeout: Seconds after which another probe is allowed although the last one has not ended.
    """

    failures: int = 3
    shortest: float = 1.0
    longest: float = 60.0
    probe_timeout: float = 5.0


class Cause(NamedTuple):
    """The origin of a failed call: failures of one key or one body may be the fault of that key or body.

    Attributes:
        key: The hash of the API key.
        body: The digest of the request body.
    """

    key: str
    body: int


class Evidence(NamedTuple):
    """The number of different causes that consecutive failures must have to open a breaker.

    Attributes:
        keys: Different API keys.
        bodies: Different request bodies.
    """

    keys: int = 1
    bodies: int = 1


ANY = Evidence()


class Breaker:
    """A circuit breaker: opened by failures, closed by the success of a call that began after it opened.

    The result of a call counts only while its ticket is the newest: a call that began before the breaker opened is no
    evidence about the provider's state after that.

    Args:
        cooling: When it opens and for how long.
        evidence: The different causes that consecutive failures must have.
        ticket: The first ticket.

    Attributes:
        is_open: Whether it is open.
        opened: When it last opened, or a probe last failed.
        ticket: The newest ticket.
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
        """Applies another configuration from the next failure on. The state is kept."""
        doubled = self._next != self._cooling.shortest
        self._next = min(self._next, cooling.longest) if doubled else cooling.shortest
        self._cooling = cooling

    def state(self, now: float) -> State:
        """Returns the state."""
        if not self.is_open:
            return State.HEALTHY if now >= self._limited_until else State.LIMITED
        if now < self._probe_until:
            return State.PROBING
        if now >= self._cooling_until and now >= self._limited_until:
            return State.PROBE_DUE
        return State.DOWN if self._probe_failed else State.SUSPECT

    def retry_after(self, now: float) -> float:
        """Returns the seconds until calls are allowed, or no longer a last resort; a guess during a probe."""
        state = self.state(now)
        if state is State.HEALTHY or state is State.PROBE_DUE:
            return 0.0
        if state is State.PROBING:
            return self._cooling.shortest
        return max(self._limited_until, self._cooling_until if self.is_open else _NEVER) - now

    def enter(self, now: float) -> int | None:
        """Begins a call; returns its ticket, or None if it may not begin: the state is DOWN or PROBING."""
        state = self.state(now)
        if state is State.DOWN or state is State.PROBING:
            return None
        if state is State.PROBE_DUE:
            # A probe that takes long remains a probe; the one that ends first counts.
            if self._probe_until == _NEVER:
                self.ticket += 1
            self._probe_until = now + self._cooling.probe_timeout
        return self.ticket

    def has_spare(self, now: float) -> bool:
        """Returns whether a spare call may begin, although the state is DOWN or PROBING: one per shortest cooldown."""
        return now >= self._spare_at

    def take_spare(self, now: float) -> None:
        """Begins a spare call. It has the newest ticket, so its success closes the breaker."""
        self._spare_at = now + self._cooling.shortest

    def answer(self, ticket: int) -> int | None:
        """Records that a response has begun.

        Returns:
            A new ticket if that closed the breaker on trial: a failure of this call opens it again. Else None.
        """
        if ticket != self.ticket or not self.is_open:
            return None
        self._close()
        self._trial = self.ticket
        self.ticket += 1
        return self._trial

    def succeed(self, ticket: int) -> bool:
        """Records a success; returns whether it closed the breaker."""
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
        """Records a failure; returns whether it opened the breaker, or keeps it open because a probe failed.

        Args:
            ticket: The call's ticket.
            now: The time.
            retry_after: Seconds of the pause that the provider asks for.
            cause: The origin of the call; None if the request cannot be the cause, because no connection was made.
        """
        opens = self._takes(ticket, cause)
        # A `retry-after` for a failure of one key or one body applies to that key or body, not to all others.
        if opens or cause is None or self._evidence == ANY:
            self._pause(now, retry_after)
        if opens:
            self._open(now)
        return opens

    def _takes(self, ticket: int, cause: Cause | None) -> bool:
        """Counts a failure; returns whether it opens the breaker or keeps it open."""
        if ticket == self._trial and not self.is_open:
            return True
        if ticket != self.ticket:
            return False
        if self.is_open:
            # A call to a suspect as a last resort is not a probe: its failure is no new evidence.
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
        """Records that the provider asks for a pause; the default is the shortest cooldown."""
        self._pause(now, self._cooling.shortest if retry_after is None else retry_after)
        self.release(ticket)

    def release(self, ticket: int) -> None:
        """Records that a call ended without a result: if it was the probe, another one is allowed."""
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
        # False for NaN too, so that it does not count as a pause.
        if seconds is not None and seconds > 0:
            self._limited_until = max(self._limited_until, now + min(seconds, _MAX_RETRY_AFTER))
