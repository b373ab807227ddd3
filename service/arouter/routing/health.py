"""How the providers are doing, by endpoint and credential. Pure: every method is told the time.

The time is that of a clock that never goes back, in seconds, the same one for all. Nothing here waits or locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from arouter.routing.breaker import Breaker, Cooling, State
from arouter.routing.window import LENGTH, NOTHING, Observed, Window, next_turn, together

_LATELY = 300.0
"""Seconds for which a success keeps a provider available whose other endpoints fail."""

_REMEMBERED = 3600.0
"""Seconds without use after which nothing is known any more."""

_SWEEP = 300.0
"""Seconds between two looks for what to forget."""

_COOLING = Cooling()

Listener = Callable[[str], None]
"""Is called with the id of a provider that has become available or unavailable; must return at once."""


class ProviderState(Enum):
    """How a provider is doing, in the words of docs.arouter.ai: its value.

    DEGRADED: something of it fails, has failed lately or is at its limit. UNAVAILABLE: all that was used lately fails,
    and nothing has succeeded since.
    """

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class _Pair:
    """An endpoint with a credential."""

    __slots__ = ("breaker", "succeeded", "used", "window")

    def __init__(self, cooling: Cooling) -> None:
        self.breaker = Breaker(cooling)
        self.window = Window()
        self.used = self.succeeded = -float("inf")


class _Endpoint:
    """What is known of an endpoint: its pairs by credential, and what they show together, kept while it holds."""

    __slots__ = ("_failed", "_holds_until", "_observed", "_outage", "pairs", "provider")

    def __init__(self, provider: _Provider) -> None:
        self.provider = provider
        self.pairs: dict[str, _Pair] = {}
        self._observed = NOTHING
        self._outage = False
        self._failed = -float("inf")
        self._holds_until = -float("inf")

    def changed(self) -> None:
        """Notes that one of the pairs has changed."""
        self._holds_until = -float("inf")

    def failed(self, now: float) -> None:
        """Notes that a call has failed."""
        self._failed = now

    def observed(self, now: float) -> Observed:
        if now >= self._holds_until:
            self._look(now)
        return self._observed

    def had_outage(self, now: float) -> bool:
        if now > self._failed + LENGTH:
            return False
        if now >= self._holds_until:
            self._look(now)
        return self._outage

    def _look(self, now: float) -> None:
        pairs = self.pairs.values()
        self._observed = together((pair.window for pair in pairs), now)
        used, failing, self._holds_until = 0, 0, next_turn(now)
        for pair in pairs:
            observed = pair.window.observed(now)
            opening_counts_until = pair.breaker.opened + LENGTH
            opened = now < opening_counts_until
            used += bool(opened or observed.calls)
            failing += opened or observed.is_outage
            if opened:
                self._holds_until = min(self._holds_until, opening_counts_until)
        self._outage = used > 0 and failing == used


class _Provider:
    """What is known of a provider.

    Attributes:
        available: Whether it is not UNAVAILABLE. Changes with what calls find out, never by mere passing of time.
        endpoints: By id.
    """

    __slots__ = ("_id", "_listeners", "available", "endpoints")

    def __init__(self, id_: str, listeners: list[Listener]) -> None:
        self._id = id_
        self._listeners = listeners
        self.available = True
        self.endpoints: dict[str, _Endpoint] = {}

    def pairs(self) -> Iterator[_Pair]:
        return (pair for endpoint in self.endpoints.values() for pair in endpoint.pairs.values())

    def review(self, now: float) -> None:
        """Looks anew whether it is available, and tells if that has changed."""
        failing = any(pair.breaker.is_open for pair in self.pairs())
        since = now - _LATELY
        available = not failing or any(not each.breaker.is_open and each.succeeded > since for each in self.pairs())
        if available is not self.available:
            self.available = available
            for listener in self._listeners:
                listener(self._id)


class Call:
    """One attempt. Its first ending counts; any later one is ignored, so that `neutral` may stand in a `finally`."""

    __slots__ = ("_endpoint", "_over", "_pair", "_ticket", "_timed")

    def __init__(self, endpoint: _Endpoint, pair: _Pair, ticket: int) -> None:
        self._endpoint = endpoint
        self._pair = pair
        self._ticket = ticket
        self._over = False
        self._timed = False

    def answering(self, now: float, first_token_s: float) -> None:
        """Notes that a streamed answer has begun. No ending, but others need not wait for that of a probe.

        Args:
            now: The time.
            first_token_s: Seconds from the request to the first piece.
        """
        if not self._over and not self._timed:
            self._timed = True
            self._endpoint.changed()
            self._pair.window.time_first_token(now, first_token_s)
            if self._pair.breaker.answer(self._ticket):
                self._note_success(now, closed=True)

    def succeeded(self, now: float, first_token_s: float | None = None, tokens_per_s: float | None = None) -> None:
        """Ends the call: the provider gave its whole answer.

        Args:
            now: The time.
            first_token_s: As in `answering`, if that was not called; None if the answer was not streamed.
            tokens_per_s: From the first piece to the end, or None if that is not known.
        """
        if self._end(now):
            window = self._pair.window
            window.succeed(now)
            if first_token_s is not None and not self._timed:
                window.time_first_token(now, first_token_s)
            if tokens_per_s is not None:
                window.time_tokens(now, tokens_per_s)
            self._note_success(now, closed=self._pair.breaker.succeed(self._ticket))

    def failed(self, now: float, retry_after: float | None = None) -> None:
        """Ends the call: the provider could not be reached, was too slow, refused our credential, or broke off.

        Args:
            now: The time.
            retry_after: Seconds for which the provider asks to be left alone.
        """
        if self._end(now):
            self._endpoint.failed(now)
            self._pair.window.fail(now)
            if self._pair.breaker.fail(self._ticket, now, retry_after):
                self._endpoint.provider.review(now)

    def rate_limited(self, now: float, retry_after: float | None = None) -> None:
        """Ends the call: a 429. Neither a success nor a failure, and no end of an outage.

        Args:
            now: The time.
            retry_after: Seconds for which the provider asks to be left alone.
        """
        if self._end(now):
            self._pair.breaker.limit(self._ticket, now, retry_after)

    def neutral(self, now: float) -> None:
        """Ends the call with nothing learnt: the client left, the fault was ours, or the request was refused.

        A 4xx about the request is no success: many come from what stands in front of a provider that is down.
        """
        if self._end(now):
            self._pair.breaker.release(self._ticket)

    def _end(self, now: float) -> bool:
        """Says whether this is the first ending."""
        first, self._over = not self._over, True
        self._pair.used = now
        self._endpoint.changed()
        return first

    def _note_success(self, now: float, *, closed: bool) -> None:
        self._pair.succeeded = now
        if closed:
            self._ticket = self._pair.breaker.ticket
        if closed or not self._endpoint.provider.available:
            self._endpoint.provider.review(now)


class HealthBoard:
    """Knows how every endpoint does with every credential, from the endings of calls.

    An endpoint's id begins with its provider's id and a slash. What was never called is healthy.

    Args:
        cooling: When endpoints are left alone, and for how long.
    """

    def __init__(self, cooling: Cooling = _COOLING) -> None:
        self._cooling = cooling
        self._endpoints: dict[str, _Endpoint] = {}
        self._providers: dict[str, _Provider] = {}
        self._listeners: list[Listener] = []
        self._sweep_at = -float("inf")

    def configure(self, cooling: Cooling) -> None:
        """Takes other times. What is known of the endpoints stays."""
        self._cooling = cooling
        for provider in self._providers.values():
            for pair in provider.pairs():
                pair.breaker.configure(cooling)

    def forget(self, provider: str) -> None:
        """Drops what is known of a provider: it is gone, or it is another under the same id.

        What its open calls still find out is lost.
        """
        known = self._providers.pop(provider, None)
        if known is not None:
            for endpoint in known.endpoints:
                del self._endpoints[endpoint]

    def listen(self, listener: Listener) -> None:
        """Has the listener called whenever a provider becomes available or unavailable."""
        self._listeners.append(listener)

    def state(self, endpoint: str, credential: str, now: float) -> State:
        """Returns what may be done with an endpoint."""
        known = self._endpoints.get(endpoint)
        pair = None if known is None else known.pairs.get(credential)
        return State.HEALTHY if pair is None else pair.breaker.state(now)

    def states(self, now: float) -> Iterator[tuple[str, State]]:
        """Yields the id of an endpoint and what may be done with it, for each credential with which it is known."""
        for id_, endpoint in self._endpoints.items():
            for pair in endpoint.pairs.values():
                yield id_, pair.breaker.state(now)

    def retry_after(self, endpoint: str, credential: str, now: float) -> float:
        """Returns the seconds until an endpoint may be tried, or be tried as well as any other."""
        known = self._endpoints.get(endpoint)
        pair = None if known is None else known.pairs.get(credential)
        return 0.0 if pair is None else pair.breaker.retry_after(now)

    def begin(self, endpoint: str, credential: str, now: float) -> Call | None:
        """Notes that a call begins. It must be ended.

        Returns:
            The call, or None if none may begin: the endpoint is DOWN, or another call is PROBING it.
        """
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP
            self._forget(now)
        known = self._endpoints.get(endpoint) or self._add(endpoint)
        pair = known.pairs.get(credential)
        if pair is None:
            pair = known.pairs[credential] = _Pair(self._cooling)
        pair.used = now
        ticket = pair.breaker.enter(now)
        return None if ticket is None else Call(known, pair, ticket)

    def observed(self, endpoint: str, now: float) -> Observed:
        """Returns what the last 30 seconds showed of an endpoint, with all its credentials."""
        known = self._endpoints.get(endpoint)
        return NOTHING if known is None else known.observed(now)

    def had_outage(self, endpoint: str, now: float) -> bool:
        """Says whether an endpoint had an outage in the last 30 seconds, with every credential used in them.

        That is: its breaker opened, or a probe failed, or at least half of five or more calls failed.
        """
        known = self._endpoints.get(endpoint)
        return known is not None and known.had_outage(now)

    def provider_state(self, provider: str, now: float) -> ProviderState:
        """Returns how a provider is doing. One that was never called is healthy."""
        known = self._providers.get(provider)
        if known is None:
            return ProviderState.HEALTHY
        if not known.available:
            return ProviderState.UNAVAILABLE
        if all(pair.breaker.state(now) is State.HEALTHY for pair in known.pairs()) and not any(
            endpoint.had_outage(now) for endpoint in known.endpoints.values()
        ):
            return ProviderState.HEALTHY
        return ProviderState.DEGRADED

    def provider_observed(self, provider: str, now: float) -> Observed:
        """Returns what the last 30 seconds showed of a provider, with all its endpoints."""
        known = self._providers.get(provider)
        return NOTHING if known is None else together((pair.window for pair in known.pairs()), now)

    def _add(self, endpoint: str) -> _Endpoint:
        provider_id = endpoint.partition("/")[0]
        provider = self._providers.get(provider_id)
        if provider is None:
            provider = self._providers[provider_id] = _Provider(provider_id, self._listeners)
        added = self._endpoints[endpoint] = provider.endpoints[endpoint] = _Endpoint(provider)
        return added

    def _forget(self, now: float) -> None:
        """Drops what has not been used for long, so that models that come and go leave nothing behind."""
        since = now - _REMEMBERED
        for provider_id, provider in list(self._providers.items()):
            if all(pair.used >= since for pair in provider.pairs()):
                continue
            for id_, endpoint in list(provider.endpoints.items()):
                endpoint.pairs = {name: pair for name, pair in endpoint.pairs.items() if pair.used >= since}
                endpoint.changed()
                if not endpoint.pairs:
                    del self._endpoints[id_], provider.endpoints[id_]
            provider.review(now)
            if not provider.endpoints:
                del self._providers[provider_id]
