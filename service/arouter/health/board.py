"""How the providers are doing, by endpoint and credential. Pure: every method is told the time.

The time is that of a clock that never goes back, in seconds, the same one for all. Nothing here waits or locks.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from arouter.health.breaker import Cooling, State
from arouter.health.origin import Origin
from arouter.health.records import AttemptTicket, EndpointRecord, Listener, PairRecord, ProviderRecord
from arouter.health.window import NOTHING, Observed, together

_REMEMBERED = 3600.0
"""Seconds without use after which nothing is known any more."""

_SWEEP = 300.0
"""Seconds between two looks for what to forget."""

_COOLING = Cooling()


class ProviderState(Enum):
    """How a provider is doing, in the words of docs.arouter.ai: its value.

    DEGRADED: something of it fails, has failed lately or is at its limit. UNAVAILABLE: all that was used lately fails,
    and nothing has succeeded since.
    """

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class HealthBoard:
    """Knows how every endpoint does with every credential, from the endings of calls.

    An endpoint's id begins with its provider's id and a slash. What was never called is healthy.

    Args:
        cooling: When endpoints are left alone, and for how long.
    """

    def __init__(self, cooling: Cooling = _COOLING) -> None:
        self._cooling = cooling
        self._endpoints: dict[str, EndpointRecord] = {}
        self._providers: dict[str, ProviderRecord] = {}
        self._listeners: list[Listener] = []
        self._sweep_at = -float("inf")

    def configure(self, cooling: Cooling) -> None:
        """Takes other times. What is known of the endpoints stays."""
        self._cooling = cooling
        for provider in self._providers.values():
            for pair in provider.pairs():
                pair.breakers.configure(cooling)

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

    def state(self, endpoint: str, credential: str, now: float, origin: Origin) -> State:
        """Returns what may be done with an endpoint for a call of that origin."""
        known = self._endpoints.get(endpoint)
        pair = None if known is None else known.pairs.get(credential)
        return State.HEALTHY if pair is None else pair.breakers.state(now, origin)

    def states(self, now: float) -> Iterator[tuple[str, State]]:
        """Yields the id of an endpoint and its state, for each credential with which it is known.

        A key or a body that fails alone does not change it.
        """
        for id_, endpoint in self._endpoints.items():
            for pair in endpoint.pairs.values():
                yield id_, pair.state(now)

    def retry_after(self, endpoint: str, credential: str, now: float, origin: Origin) -> float:
        """Returns the seconds until an endpoint may be tried by that origin, or be tried as well as any other."""
        pair = self._pair(endpoint, credential)
        return 0.0 if pair is None else pair.breakers.retry_after(now, origin)

    def has_spare(self, endpoint: str, credential: str, now: float, origin: Origin) -> bool:
        """Says whether `begin` lets a call begin as a last resort."""
        pair = self._pair(endpoint, credential)
        return pair is None or pair.breakers.has_spare(now, origin)

    def begin(
        self, endpoint: str, credential: str, now: float, origin: Origin, *, last_resort: bool = False
    ) -> AttemptTicket | None:
        """Notes that a call begins. It must be ended.

        Args:
            endpoint: Its id.
            credential: The name of the provider's key.
            now: The time.
            origin: Where the call comes from.
            last_resort: Whether it may begin although the endpoint is DOWN or PROBING: one may in each shortest
                cooldown.

        Returns:
            The call, or None if none may begin: the endpoint is DOWN, or another call is PROBING it.
        """
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP
            self._forget(now)
        known = self._endpoints.get(endpoint) or self._add(endpoint)
        pair = known.pairs.get(credential)
        if pair is None:
            pair = known.pairs[credential] = PairRecord(self._cooling)
        pair.used = now
        entry = pair.breakers.enter(now, origin, last_resort=last_resort)
        return None if entry is None else AttemptTicket(known, pair, entry)

    def observed(self, endpoint: str, now: float) -> Observed:
        """Returns what the last 30 seconds showed of an endpoint, with all its credentials."""
        known = self._endpoints.get(endpoint)
        return NOTHING if known is None else known.observed(now)

    def had_outage(self, endpoint: str, now: float, key: str) -> bool:
        """Says whether an endpoint had an outage in the last 30 seconds, with every credential used in them.

        That is: its breaker opened, or a probe failed, or at least half of five or more calls failed. What concerns
        only another key does not count.
        """
        known = self._endpoints.get(endpoint)
        return known is not None and known.had_outage(now, key)

    def provider_state(self, provider: str, now: float) -> ProviderState:
        """Returns how a provider is doing. One that was never called is healthy."""
        known = self._providers.get(provider)
        if known is None:
            return ProviderState.HEALTHY
        if not known.available:
            return ProviderState.UNAVAILABLE
        if all(pair.breakers.shown(now) is State.HEALTHY for pair in known.pairs()) and not any(
            endpoint.had_outage(now, None) for endpoint in known.endpoints.values()
        ):
            return ProviderState.HEALTHY
        return ProviderState.DEGRADED

    def provider_observed(self, provider: str, now: float) -> Observed:
        """Returns what the last 30 seconds showed of a provider, with all its endpoints."""
        known = self._providers.get(provider)
        return NOTHING if known is None else together((pair.window for pair in known.pairs()), now)

    def _pair(self, endpoint: str, credential: str) -> PairRecord | None:
        known = self._endpoints.get(endpoint)
        return None if known is None else known.pairs.get(credential)

    def _add(self, endpoint: str) -> EndpointRecord:
        provider_id = endpoint.partition("/")[0]
        provider = self._providers.get(provider_id)
        if provider is None:
            provider = self._providers[provider_id] = ProviderRecord(provider_id, self._listeners)
        added = self._endpoints[endpoint] = provider.endpoints[endpoint] = EndpointRecord(provider)
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
