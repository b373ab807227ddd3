"""In which order the endpoints of one model are asked. Pure, but for the random numbers it is given.

Nothing said: a draw weighted by 1/price² among those without an outage, the others behind them (docs.arouter.ai:
provider-routing).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from arouter.catalogue.catalogue import Endpoint
from arouter.catalogue.quality import blended_price
from arouter.chat.preferences import Preferences, Sort
from arouter.health.snapshot import EndpointHealth, HealthSnapshot
from arouter.planning.context import PlanContext
from arouter.planning.plan import Candidate
from arouter.planning.requirements import lacks

_CHEAPEST = 1e-4
"""USD per million tokens below which a price counts as this one: free ones are drawn before all others."""


class _Place(NamedTuple):
    """Where an endpoint stands; the smaller, the earlier. Fields that come first count more."""

    last_resort: bool
    incapable: bool
    order: int
    standing: EndpointHealth
    unmet: int
    sorted: float
    drawn: float


def rank(
    candidates: Sequence[Candidate],
    context: PlanContext,
    sort: Sort | None,
    random: Random,
) -> list[Candidate]:
    """Returns the candidates for one model, best first.

    Args:
        candidates: Of one model; none that is excluded.
        context: The request. Who is known to lack what it needs comes last.
        sort: By what, the model's suffix considered; None for the documented balance.
        random: For the draw.
    """
    if len(candidates) == 1 and not context.explain:
        return list(candidates)
    preferences, standings = context.request.preferences, context.standings
    prices = [blended_price(candidate.endpoint.details.prices) for candidate in candidates]
    known = [price for price in prices if price is not None]
    dearest = max(known, default=1.0)
    placed = []
    for candidate, price in zip(candidates, prices, strict=True):
        endpoint = candidate.endpoint
        weight = 1 / max(dearest if price is None else price, _CHEAPEST) ** 2
        lacking = lacks(endpoint.details, context.requirements)
        standing = standings.of(endpoint)
        place = _Place(
            last_resort=standing.is_last_resort,
            incapable=lacking is not None,
            order=place_in(preferences.order, endpoint),
            standing=standing,
            unmet=_unmet(endpoint, preferences, standings),
            sorted=_sort_value(endpoint, price, sort, standings),
            # The least of exponentials with these rates is drawn in proportion to the rates.
            drawn=0.0 if sort else random.expovariate(1.0) / weight,
        )
        reasons = _reasons(place, lacking, price, weight, sort) if context.explain else ()
        placed.append((place, candidate._replace(score=weight, reasons=candidate.reasons + reasons)))
    placed.sort(key=lambda each: each[0])
    return [candidate for _, candidate in placed]


def place_in(order: tuple[str, ...], endpoint: Endpoint) -> int:
    """Returns where an endpoint's provider stands in a request's `provider.order`; behind all if it does not."""
    return order.index(endpoint.provider.id) if endpoint.provider.id in order else len(order)


def _unmet(endpoint: Endpoint, preferences: Preferences, standings: HealthSnapshot) -> int:
    """Returns how many of the preferred speeds an endpoint is known to miss."""
    slowest, latest = preferences.min_throughput, preferences.max_latency
    if slowest is None and latest is None:
        return 0
    seen = standings.observed(endpoint)
    too_slow = slowest is not None and seen.tokens_per_s is not None and seen.tokens_per_s < slowest
    too_late = latest is not None and seen.first_token_s is not None and seen.first_token_s > latest
    return too_slow + too_late


def _sort_value(endpoint: Endpoint, price: float | None, sort: Sort | None, standings: HealthSnapshot) -> float:
    """Returns what is sorted by, the smaller the better; what is not known comes last."""
    match sort:
        case "price":
            return math.inf if price is None else price
        case "throughput":
            speed = standings.observed(endpoint).tokens_per_s
            return math.inf if speed is None else -speed
        case "latency":
            delay = standings.observed(endpoint).first_token_s
            return math.inf if delay is None else delay
        case None:
            return 0.0


def _reasons(
    place: _Place, lacking: str | None, price: float | None, weight: float, sort: Sort | None
) -> tuple[str, ...]:
    cost = "price not known" if price is None else f"${price:g} per million tokens"
    reasons = [f"sorted by {sort}, {cost}" if sort else f"{cost}, weight {weight:.3g}"]
    if place.standing is not EndpointHealth.READY:
        reasons.append(place.standing.label)
    if lacking is not None:
        reasons.append(f"tried last: {lacking}")
    if place.unmet:
        reasons.append("slower than preferred")
    return tuple(reasons)
