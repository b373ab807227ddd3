"""The health of the endpoints at one moment, as planning needs it: a read-only view of the health board."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from random import Random

from arouter.catalogue.catalogue import Endpoint
from arouter.health.board import HealthBoard
from arouter.health.breaker import State
from arouter.health.origin import Origin
from arouter.health.window import Observed
from arouter.providers.provider import Credential


class EndpointHealth(IntEnum):
    """The health of an endpoint; smaller is better."""

    READY = 0
    OUTAGE = 1
    LIMITED = 2
    SUSPECT = 3
    OUT = 4

    @property
    def label(self) -> str:
        """A predicate that follows the endpoint's name in texts for people."""
        return _LABELS[self]

    @property
    def is_last_resort(self) -> bool:
        """Whether all endpoints that are better than this one come first."""
        return self >= EndpointHealth.LIMITED


_LABELS = {
    EndpointHealth.READY: "is healthy",
    EndpointHealth.OUTAGE: "had an outage in the last 30 seconds",
    EndpointHealth.LIMITED: "is rate limited by its provider",
    EndpointHealth.SUSPECT: "has just failed and is a last resort",
    EndpointHealth.OUT: "is failing and in cooldown",
}

_OF_STATE = {
    State.HEALTHY: EndpointHealth.READY,
    # A call must try it, else the breaker would never close.
    State.PROBE_DUE: EndpointHealth.READY,
    State.LIMITED: EndpointHealth.LIMITED,
    State.SUSPECT: EndpointHealth.SUSPECT,
    State.PROBING: EndpointHealth.OUT,
    State.DOWN: EndpointHealth.OUT,
}


class HealthSnapshot:
    """The health board at one moment, for one call.

    Args:
        board: The health board of the process.
        now: Monotonic seconds.
        origin: The origin of the call.
    """

    __slots__ = ("_board", "_now", "_origin")

    def __init__(self, board: HealthBoard, now: float, origin: Origin) -> None:
        self._board = board
        self._now = now
        self._origin = origin

    def of(self, endpoint: Endpoint) -> EndpointHealth:
        """Returns the health of an endpoint with the best of its provider's keys."""
        credentials = endpoint.provider.credentials
        best = self._with_key(endpoint, credentials[0])
        for credential in credentials[1:]:
            best = min(best, self._with_key(endpoint, credential))
        if best is EndpointHealth.READY and self._board.had_outage(endpoint.id, self._now, self._origin.key):
            return EndpointHealth.OUTAGE
        return best

    def keys(self, endpoint: Endpoint, random: Random, *, last_resort: bool) -> Sequence[Credential]:
        """Returns the provider's credentials that may be used for an endpoint: healthy ones first, in random order.

        Args:
            endpoint: The endpoint to call.
            random: The source of randomness for the order.
            last_resort: Whether credentials in cooldown may be used too.
        """
        credentials = endpoint.provider.credentials
        if len(credentials) == 1:
            return credentials
        drawn = random.sample(credentials, len(credentials))
        ranked = sorted(((self._with_key(endpoint, each), each) for each in drawn), key=lambda pair: pair[0])
        return [credential for health, credential in ranked if last_resort or health is not EndpointHealth.OUT]

    def observed(self, endpoint: Endpoint) -> Observed:
        """Returns what the last 30 seconds showed of an endpoint."""
        return self._board.observed(endpoint.id, self._now)

    def has_spare(self, endpoint: Endpoint) -> bool:
        """Returns whether an endpoint in cooldown may be called now because there is no other."""
        return any(
            self._board.has_spare(endpoint.id, credential.name, self._now, self._origin)
            for credential in endpoint.provider.credentials
        )

    def retry_after(self, endpoint: Endpoint) -> float:
        """Returns the seconds until one of its provider's credentials may be tried again."""
        return min(
            self._board.retry_after(endpoint.id, credential.name, self._now, self._origin)
            for credential in endpoint.provider.credentials
        )

    def _with_key(self, endpoint: Endpoint, credential: Credential) -> EndpointHealth:
        return _OF_STATE[self._board.state(endpoint.id, credential.name, self._now, self._origin)]
