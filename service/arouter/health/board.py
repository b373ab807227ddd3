"""The health of the providers, by endpoint and credential. Pure: every method takes the time.

All times are seconds of the same monotonic clock. Nothing here waits or locks.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from arouter.health.breaker import Cooling, State
from arouter.health.origin import Origin
from arouter.health.records import AttemptTicket, EndpointRecord, Listener, PairRecord, ProviderRecord
from arouter.health.window import NOTHING, Observed, together

_REMEMBERED = 3600.0
"""Seconds without use after which an endpoint is forgotten."""

_SWEEP = 300.0
"""Seconds between two sweeps for endpoints to forget."""

_COOLING = Cooling()


class ProviderState(Enum):
    """The health of a provider; the values are the words of docs.arouter.ai.

    DEGRADED: an endpoint is failing, has failed recently or is rate limited. UNAVAILABLE: all recently used
    endpoints are failing, and no call has succeeded since.
    """

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class HealthBoard:
    """Tracks the health of every endpoint with every credential, from the results of attempts.

    An endpoint's id begins with its provider's id and a slash. An endpoint that was never called is healthy.

    Args:
        cooling: When breakers open, and for how long.
    """

    def __init__(self, cooling: Cooling = _COOLING) -> None:
        self._cooling = cooling
        self._endpoints: dict[str, EndpointRecord] = {}
        self._providers: dict[str, ProviderRecord] = {}
        self._listeners: list[Listener] = []
        self._sweep_at = -float("inf")

    def configure(self, cooling: Cooling) -> None:
        """Applies another configuration. The health of the endpoints is kept."""
        self._cooling = cooling
        for provider in self._providers.values():
            for pair in provider.pairs():
                pair.breakers.configure(cooling)

    def forget(self, provider: str) -> None:
        """Drops the health of a provider that was removed, or replaced under the same id.

        The results of its attempts in flight are lost.
        """
        known = self._providers.pop(provider, None)
        if known is not None:
            for endpoint in known.endpoints:
                del self._endpoints[endpoint]

    def listen(self, listener: Listener) -> None:
        """Adds a listener, which is called whenever a provider becomes available or unavailable."""
        self._listeners.append(listener)

    def state(self, endpoint: str, credential: str, now: float, origin: Origin) -> State:
        """Returns the breaker state of an endpoint for a call of that origin."""
        known = self._endpoints.get(endpoint)
        pair = None if known is None else known.pairs.get(credential)
        return State.HEALTHY if pair is None else pair.breakers.state(now, origin)

    def states(self, now: float) -> Iterator[tuple[str, State]]:
        """Yields each endpoint's id and state, once for each credential that it was called with.

        Failures of only one key or only one body do not change the state.
        """
        for id_, endpoint in self._endpoints.items():
            for pair in endpoint.pairs.values():
                yield id_, pair.state(now)

    def retry_after(self, endpoint: str, credential: str, now: float, origin: Origin) -> float:
        """Returns the seconds until calls of that origin may try an endpoint, or no longer as a last resort."""
        pair = self._pair(endpoint, credential)
        return 0.0 if pair is None else pair.breakers.retry_after(now, origin)

    def has_spare(self, endpoint: str, credential: str, now: float, origin: Origin) -> bool:
        """Returns whether `begin` allows an attempt as a last resort."""
        pair = self._pair(endpoint, credential)
        return pair is None or pair.breakers.has_spare(now, origin)

    def begin(
        self, endpoint: str, credential: str, now: float, origin: Origin, *, last_resort: bool = False
    ) -> AttemptTicket | None:
        """Begins an attempt, which must be ended.

        Args:
            endpoint: The endpoint's id.
            credential: The name of the credential.
            now: The time.
            origin: The origin of the call.
            last_resort: Whether the attempt may begin although the endpoint is DOWN or PROBING. One such attempt is
                allowed per shortest cooldown.

        Returns:
            The attempt's ticket, or None if it may not begin: the endpoint is DOWN, or another attempt is PROBING it.
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
        """Returns whether an endpoint had an outage in the last 30 seconds, with every credential used in that time.

        An outage is: its breaker opened, or a probe failed, or at least half of five or more calls failed. Failures
        that affect only another API key do not count.
        """
        known = self._endpoints.get(endpoint)
        return known is not None and known.had_outage(now, key)

    def provider_state(self, provider: str, now: float) -> ProviderState:
        """Returns the health of a provider. A provider that was never called is healthy."""
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
        """Forgets endpoints that have not been used for long, so that removed models do not take up memory."""
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
