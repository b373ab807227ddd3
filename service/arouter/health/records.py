"""The health of an endpoint and of a provider, from the results of attempts. Pure: every method takes the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from arouter.health.breaker import Cooling, State
from arouter.health.scopes import Entry, Scopes
from arouter.health.window import LENGTH, NOTHING, Observed, Window, next_turn, together

_LATELY = 300.0
"""Seconds for which a success keeps a provider available while its other endpoints fail."""

Listener = Callable[[str], None]
"""Called with the id of a provider that has become available or unavailable. Must return at once."""


class PairRecord:
    """The health of an endpoint with one credential.

    Attributes:
        breakers: The breakers for all calls, and for single keys and bodies.
        window: Statistics of the last 30 seconds.
        used: When it was last used.
        succeeded: When a call last succeeded.
    """

    __slots__ = ("_before", "_cleared", "_key", "breakers", "succeeded", "used", "window")

    def __init__(self, cooling: Cooling) -> None:
        self.breakers = Scopes(cooling)
        self.window = Window()
        self.used = self.succeeded = -float("inf")
        self._cleared = True
        self._key = ""
        self._before = "", -float("inf")

    def succeed(self, now: float, entry: Entry) -> None:
        """Records a success."""
        if entry.key != self._key:
            self._before = self._key, self.succeeded
            self._key = entry.key
        self.succeeded = now
        if not entry.is_suspected:
            self._cleared = True

    def fail(self, entry: Entry) -> None:
        """Records that a breaker has opened or a probe has failed."""
        if not entry.is_suspected:
            self._cleared = False

    def state(self, now: float) -> State:
        """Returns the state for all calls; the worst for any key or body if no other call is known to succeed."""
        failing = self.is_failing(now - _LATELY)
        return self.breakers.shown(now) if failing else self.breakers.everyone.state(now)

    def is_failing(self, since: float) -> bool:
        """Returns whether it fails for all calls, or for a key or body while no call of another key has succeeded."""
        if self.breakers.everyone.is_open:
            return True
        if self._cleared:
            return False
        failing = self.breakers.open_keys()
        successes = (self._key, self.succeeded), self._before
        return bool(failing) and not any(at > since and key not in failing for key, at in successes)


class EndpointRecord:
    """The health of an endpoint: its pairs by credential, and their statistics together, which are cached."""

    __slots__ = ("_failed", "_holds_until", "_observed", "_outages", "pairs", "provider")

    def __init__(self, provider: ProviderRecord) -> None:
        self.provider = provider
        self.pairs: dict[str, PairRecord] = {}
        self._observed: Observed | None = NOTHING
        self._outages: dict[str | None, bool] = {}
        self._failed = -float("inf")
        self._holds_until = -float("inf")

    def changed(self) -> None:
        """Records that one of the pairs has changed."""
        self._holds_until = -float("inf")

    def failed(self, now: float) -> None:
        """Records that a call has failed."""
        self._failed = now

    def observed(self, now: float) -> Observed:
        """Returns the statistics of the last 30 seconds with all credentials."""
        self._renew(now)
        if self._observed is None:
            self._observed = together([pair.window for pair in self.pairs.values()], now)
        return self._observed

    def had_outage(self, now: float, key: str | None) -> bool:
        """Returns whether there was an outage in the last 30 seconds for the calls of a key, or of any if None."""
        if now > self._failed + LENGTH:
            return False
        self._renew(now)
        found = self._outages.get(key)
        if found is None:
            found = self._outages[key] = self._look(now, key)
        return found

    def _renew(self, now: float) -> None:
        """Drops cached statistics that are out of date."""
        if now >= self._holds_until:
            self._holds_until = next_turn(now)
            self._observed = None
            self._outages = {}

    def _look(self, now: float, key: str | None) -> bool:
        used = failing = 0
        for pair in self.pairs.values():
            opening_counts_until = pair.breakers.opened(key) + LENGTH
            opened = now < opening_counts_until
            if key is None:
                observed = pair.window.observed(now)
                calls, is_outage = observed.calls, observed.is_outage
            else:
                calls, is_outage = pair.window.seen_by(now, key)
            used += bool(opened or calls)
            failing += opened or is_outage
            if opened:
                self._holds_until = min(self._holds_until, opening_counts_until)
        return used > 0 and failing == used


class ProviderRecord:
    """The health of a provider.

    Attributes:
        available: False if it is UNAVAILABLE. Changes only with the results of calls, not with time alone.
        endpoints: The health of its endpoints by id.
    """

    __slots__ = ("_id", "_listeners", "available", "endpoints")

    def __init__(self, id_: str, listeners: list[Listener]) -> None:
        self._id = id_
        self._listeners = listeners
        self.available = True
        self.endpoints: dict[str, EndpointRecord] = {}

    def pairs(self) -> Iterator[PairRecord]:
        """Returns the pairs of all its endpoints."""
        return (pair for endpoint in self.endpoints.values() for pair in endpoint.pairs.values())

    def review(self, now: float) -> None:
        """Updates `available`, and calls the listeners if it has changed."""
        since = now - _LATELY
        failing = [pair.is_failing(since) for pair in self.pairs()]
        available = not any(failing) or any(
            not fails and pair.succeeded > since for pair, fails in zip(self.pairs(), failing, strict=True)
        )
        if available is not self.available:
            self.available = available
            for listener in self._listeners:
                listener(self._id)


class AttemptTicket:
    """One attempt in flight. Only its first result counts, so that `neutral` may be called in a `finally`."""

    __slots__ = ("_endpoint", "_entry", "_over", "_pair", "_timed")

    def __init__(self, endpoint: EndpointRecord, pair: PairRecord, entry: Entry) -> None:
        self._endpoint = endpoint
        self._pair = pair
        self._entry = entry
        self._over = False
        self._timed = False

    def answering(self, now: float, first_token_s: float) -> None:
        """Records that a stream has begun. The attempt goes on, but a probe counts as a success from here.

        Args:
            now: The time.
            first_token_s: Seconds from the request to the first chunk.
        """
        if not self._over and not self._timed:
            self._timed = True
            self._endpoint.changed()
            self._pair.window.time_first_token(now, first_token_s)
            if self._entry.answer():
                self._note_success(now, closed=True)

    def succeeded(
        self,
        now: float,
        first_token_s: float | None = None,
        tokens_per_s: float | None = None,
        whole_s: float | None = None,
    ) -> None:
        """Ends the attempt: the response is complete.

        Args:
            now: The time.
            first_token_s: As in `answering`, if that was not called; None if the response was not streamed.
            tokens_per_s: Speed from the first chunk to the end, or None if it is not known.
            whole_s: Seconds from the request to the end of a unary response; None if it was streamed.
        """
        if self._end(now):
            window = self._pair.window
            window.succeed(now, whole_s)
            if first_token_s is not None and not self._timed:
                window.time_first_token(now, first_token_s)
            if tokens_per_s is not None:
                window.time_tokens(now, tokens_per_s)
            self._note_success(now, closed=self._entry.succeed(now))

    def failed(self, now: float, retry_after: float | None = None, *, connected: bool = True) -> None:
        """Ends the attempt: the provider was unreachable, too slow, refused our credential or broke off the response.

        Args:
            now: The time.
            retry_after: Seconds of the pause that the provider asks for.
            connected: Whether there was a connection. If not, the request cannot be the cause.
        """
        if self._end(now):
            self._endpoint.failed(now)
            self._pair.window.fail(now, self._entry.key if connected else None)
            if self._entry.fail(now, retry_after, connected=connected):
                self._pair.fail(self._entry)
                self._endpoint.provider.review(now)

    def rate_limited(self, now: float, retry_after: float | None = None) -> None:
        """Ends the attempt with a 429, which is neither a success nor a failure and does not end an outage.

        Args:
            now: The time.
            retry_after: Seconds of the pause that the provider asks for.
        """
        if self._end(now):
            self._entry.limit(now, retry_after)

    def neutral(self, now: float) -> None:
        """Ends the attempt without a result: the client cancelled, ARouter failed, or the request was refused.

        A 4xx about the request is not a success: many come from a proxy in front of a provider that is down.
        """
        if self._end(now):
            self._entry.release()

    def _end(self, now: float) -> bool:
        """Returns whether the attempt had not ended before."""
        first, self._over = not self._over, True
        self._pair.used = now
        self._endpoint.changed()
        return first

    def _note_success(self, now: float, *, closed: bool) -> None:
        self._pair.succeed(now, self._entry)
        if closed or not self._endpoint.provider.available:
            self._endpoint.provider.review(now)
