"""The breakers of one endpoint with one credential: one for all calls, others for keys and bodies whose calls fail.

A failure may be the fault of the request. Therefore the breaker for all calls opens only on failures of different keys
with different bodies, or when no connection can be made. Until then failures count against the key if different bodies
failed, and against the key with the body if only that body failed. Pure: every method takes the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from arouter.health.breaker import Breaker, Cause, Cooling, Evidence, State
from arouter.health.origin import Origin

_FOR_ALL = Evidence(keys=2, bodies=2)
_FOR_KEY = Evidence(bodies=2)

_MAX_KEYS = 1000
"""Keys with failures that are remembered for one endpoint with one credential."""

_MAX_BODIES = 16
"""Bodies with failures that are remembered for one key."""

_BADNESS = {
    state: number
    for number, state in enumerate(
        (State.HEALTHY, State.PROBE_DUE, State.LIMITED, State.SUSPECT, State.PROBING, State.DOWN)
    )
}
_REFUSING = (State.DOWN, State.PROBING)

_T = TypeVar("_T")
_V = TypeVar("_V")


class _Key:
    """The breakers of one API key: one for all of its calls, and one for each body that failed.

    Those for bodies are dropped once they have no effect, because each call's body must be hashed while there are any.
    """

    __slots__ = ("_opened", "bodies", "breaker", "ticket")

    def __init__(self, cooling: Cooling) -> None:
        self.breaker = Breaker(cooling, _FOR_KEY)
        self.bodies: dict[int, Breaker] = {}
        self.ticket = 0
        """The first ticket of the next breaker for a body: calls that began earlier do not count for it."""
        self._opened = self.breaker.opened

    @property
    def opened(self) -> float:
        """When one of them last opened."""
        return max(self._opened, max(breaker.opened for breaker in self.breakers()))

    def breakers(self) -> Iterator[Breaker]:
        yield self.breaker
        yield from self.bodies.values()

    def drop(self, now: float) -> None:
        """Drops the breakers of bodies that may be tried, after another call of the key has succeeded."""
        for digest, breaker in list(self.bodies.items()):
            if breaker.state(now) in (State.HEALTHY, State.PROBE_DUE):
                self.ticket = max(self.ticket, breaker.ticket + 1)
                self._opened = max(self._opened, breaker.opened)
                del self.bodies[digest]


class Scopes:
    """The breakers of one endpoint with one credential.

    Args:
        cooling: When they open and for how long.

    Attributes:
        everyone: The breaker for all calls.
    """

    __slots__ = ("_cooling", "_keys", "everyone")

    def __init__(self, cooling: Cooling) -> None:
        self._cooling = cooling
        self._keys: dict[str, _Key] = {}
        self.everyone = Breaker(cooling, _FOR_ALL)

    def configure(self, cooling: Cooling) -> None:
        """Applies another configuration from the next failure on. The states are kept."""
        self._cooling = cooling
        self.everyone.configure(cooling)
        for breaker in self._narrow():
            breaker.configure(cooling)

    def state(self, now: float, origin: Origin) -> State:
        """Returns the state for calls of that origin."""
        state = self.everyone.state(now)
        if self._keys:
            for breaker in self._of(origin):
                own = breaker.state(now)
                if own is State.PROBE_DUE and self.everyone.state(now) is State.LIMITED:
                    own = State.SUSPECT  # No probes while the provider asks for a pause.
                state = max(state, own, key=_BADNESS.__getitem__)
        return state

    def shown(self, now: float) -> State:
        """Returns the worst state for calls of any origin."""
        return max((each.state(now) for each in (self.everyone, *self._narrow())), key=_BADNESS.__getitem__)

    def retry_after(self, now: float, origin: Origin) -> float:
        """Returns the seconds until calls of that origin are allowed, or no longer a last resort."""
        return max(breaker.retry_after(now) for breaker in (self.everyone, *self._of(origin)))

    def opened(self, key: str | None) -> float:
        """Returns when a breaker that applies to a key, or to any key if None, last opened."""
        if not self._keys:
            return self.everyone.opened
        known = self._keys.values() if key is None else [self._keys[key]] if key in self._keys else []
        opened = [each.opened for each in known]
        return max([self.everyone.opened, *opened])

    def open_keys(self) -> set[str]:
        """Returns the keys for which a breaker is open, for some or all of their calls."""
        return {key for key, known in self._keys.items() if any(each.is_open for each in known.breakers())}

    def has_spare(self, now: float, origin: Origin) -> bool:
        """Returns whether `enter` allows a call of that origin as a last resort."""
        narrow = self._of(origin)
        return all(breaker.has_spare(now) for breaker in self._refusing(now, narrow))

    def enter(self, now: float, origin: Origin, *, last_resort: bool = False) -> Entry | None:
        """Begins a call.

        Args:
            now: The time.
            origin: The origin of the call.
            last_resort: Whether it may begin although a breaker refuses it. One such call is allowed per shortest
                cooldown.

        Returns:
            The entry that records the call's result; None if it may not begin.
        """
        if not self._keys and not last_resort:
            entered = self.everyone.enter(now)
            return None if entered is None else Entry(self, origin, entered)
        narrow = self._of(origin)
        refusing = self._refusing(now, narrow)
        if refusing and not (last_resort and all(breaker.has_spare(now) for breaker in refusing)):
            return None
        for breaker in refusing:
            breaker.take_spare(now)
        is_suspected = any(breaker.is_open for breaker in narrow)
        # While only a key or body is failing, its calls must not serve as probes for all others.
        ticket = self.everyone.ticket if is_suspected else _enter(self.everyone, now)
        known = self._keys.get(origin.key)
        # A call is not a probe while the provider asks for a pause.
        is_limited = self.everyone.state(now) is State.LIMITED
        return Entry(
            self,
            origin,
            ticket,
            [(each, each.ticket if is_limited else _enter(each, now)) for each in narrow],
            known.ticket if known else 0,
            is_suspected,
        )

    def drop(self, key: str, now: float) -> None:
        """Drops the breakers that a success of a key makes superfluous."""
        known = self._keys.get(key)
        if known is not None and known.bodies:
            known.drop(now)

    def failed(self, origin: Origin, begun: Sequence[tuple[Breaker, int]], first: int) -> list[tuple[Breaker, int]]:
        """Returns the breakers for the key of a call that failed, and for its key and body, each with its ticket."""
        known = self._keys.get(origin.key)
        if known is None:
            _make_room(self._keys, _MAX_KEYS)
            known = self._keys[origin.key] = _Key(self._cooling)
        body = known.bodies.get(origin.digest)
        if body is None:
            _make_room(known.bodies, _MAX_BODIES)
            body = known.bodies[origin.digest] = Breaker(self._cooling, ticket=known.ticket)
        tickets = dict(begun)
        return [(known.breaker, tickets.get(known.breaker, 0)), (body, tickets.get(body, first))]

    def _refusing(self, now: float, narrow: Sequence[Breaker]) -> Sequence[Breaker]:
        """Returns the breakers that refuse a call, which may begin only as a spare call of each of them.

        While only a key or body is failing, its own breakers count: it must not use up the spare calls of others.
        """
        refusing = [breaker for breaker in narrow if breaker.state(now) in _REFUSING]
        if self.everyone.state(now) in _REFUSING:
            return [breaker for breaker in narrow if breaker.is_open] or [self.everyone]
        return refusing

    def _narrow(self) -> Iterator[Breaker]:
        return (breaker for known in self._keys.values() for breaker in known.breakers())

    def _of(self, origin: Origin) -> tuple[Breaker, ...]:
        """Returns the breakers that apply only to calls of that origin."""
        known = self._keys.get(origin.key)
        if known is None:
            return ()
        body = known.bodies.get(origin.digest) if known.bodies else None
        return (known.breaker,) if body is None else (known.breaker, body)


class Entry:
    """One call in flight, and the breakers that get its result. It must be ended once.

    Attributes:
        is_suspected: Whether a breaker for its key or body was open when it began.
    """

    __slots__ = ("_first", "_narrow", "_origin", "_scopes", "_ticket", "is_suspected")

    def __init__(
        self,
        scopes: Scopes,
        origin: Origin,
        ticket: int,
        narrow: Sequence[tuple[Breaker, int]] = (),
        first: int = 0,
        is_suspected: bool = False,
    ) -> None:
        self.is_suspected = is_suspected
        self._scopes = scopes
        self._origin = origin
        self._ticket = ticket
        self._narrow = narrow
        self._first = first

    @property
    def key(self) -> str:
        """The hash of the caller's API key."""
        return self._origin.key

    def answer(self) -> bool:
        """Records that a response has begun; returns whether that closed a breaker."""
        trial = self._scopes.everyone.answer(self._ticket)
        closed = trial is not None
        if trial is not None:
            self._ticket = trial
        if self._narrow:
            answered = [(breaker, ticket, breaker.answer(ticket)) for breaker, ticket in self._narrow]
            self._narrow = [(breaker, ticket if trial is None else trial) for breaker, ticket, trial in answered]
            closed |= any(trial is not None for _, _, trial in answered)
        if closed:
            self.is_suspected = False
        return closed

    def succeed(self, now: float) -> bool:
        """Records a success; returns whether it closed a breaker."""
        closed = self._scopes.everyone.succeed(self._ticket)
        if self._narrow:
            for breaker, ticket in self._narrow:
                closed |= breaker.succeed(ticket)
            self._scopes.drop(self._origin.key, now)
        return closed

    def fail(self, now: float, retry_after: float | None, *, connected: bool) -> bool:
        """Records a failure; returns whether it opened a breaker, or keeps one open because a probe failed.

        Args:
            now: The time.
            retry_after: Seconds of the pause that the provider asks for.
            connected: Whether there was a connection. If not, the request cannot be the cause.
        """
        everyone = self._scopes.everyone
        if not connected:
            for breaker, ticket in self._narrow:
                breaker.release(ticket)
            return everyone.fail(self._ticket, now, retry_after, None)
        cause = Cause(self._origin.key, self._origin.digest)
        opened = False
        for breaker, ticket in self._scopes.failed(self._origin, self._narrow, self._first):
            opened |= breaker.fail(ticket, now, retry_after, cause)
        if not self.is_suspected:
            opened |= everyone.fail(self._ticket, now, retry_after, cause)
        return opened

    def limit(self, now: float, retry_after: float | None) -> None:
        """Records that the provider asks for a pause, which applies to the credential and so to all calls."""
        self._scopes.everyone.limit(self._ticket, now, retry_after)
        for breaker, ticket in self._narrow:
            breaker.limit(ticket, now, retry_after)

    def release(self) -> None:
        """Records that the call ended without a result."""
        self._scopes.everyone.release(self._ticket)
        for breaker, ticket in self._narrow:
            breaker.release(ticket)


def _enter(breaker: Breaker, now: float) -> int:
    """Begins a call; returns its ticket, whether or not it is the probe."""
    ticket = breaker.enter(now)
    return breaker.ticket if ticket is None else ticket


def _make_room(known: dict[_T, _V], limit: int) -> None:
    """Drops the oldest entry if the limit is reached."""
    if len(known) >= limit:
        del known[next(iter(known))]
