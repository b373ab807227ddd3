"""Ranks the endpoints of one model. Pure, except for the random numbers.

Unless the request says otherwise, endpoints without an outage come first, in a random order weighted by 1/price², and
the others after them (docs.arouter.ai: provider-routing).
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

_MIN_PRICE = 1e-4
"""USD per million tokens; lower prices count as this one, so that free endpoints are drawn before all others."""


class _SortKey(NamedTuple):
    """The sort key of a candidate: smaller comes earlier, and earlier fields take precedence."""

    last_resort: bool
    incapable: bool
    order: int
    health: EndpointHealth
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
        candidates: Those of one model, after the filters.
        context: The request. Endpoints that are known to lack a capability that it needs come last.
        sort: The criterion of the request or of the model's suffix; None for load balancing by price.
        random: The source of randomness for load balancing.
    """
    preferences, snapshot = context.request.preferences, context.health
    prices = [blended_price(candidate.endpoint.details.prices) for candidate in candidates]
    known = [price for price in prices if price is not None]
    highest = max(known, default=1.0)
    ranked = []
    for candidate, price in zip(candidates, prices, strict=True):
        endpoint = candidate.endpoint
        weight = 1 / max(highest if price is None else price, _MIN_PRICE) ** 2
        lacking = lacks(endpoint.details, context.requirements)
        health = snapshot.of(endpoint)
        sort_key = _SortKey(
            last_resort=health.is_last_resort,
            incapable=lacking is not None,
            order=place_in(preferences.order, endpoint),
            health=health,
            unmet=_unmet(endpoint, preferences, snapshot),
            sorted=_sort_value(endpoint, price, sort, snapshot),
            # The smallest of exponential variables is each of them with a probability proportional to its rate.
            drawn=0.0 if sort else random.expovariate(1.0) / weight,
        )
        reasons = _reasons(sort_key, lacking, price, weight, sort) if context.explain else ()
        ranked.append((sort_key, candidate._replace(score=weight, reasons=candidate.reasons + reasons)))
    ranked.sort(key=lambda each: each[0])
    return [candidate for _, candidate in ranked]


def place_in(order: tuple[str, ...], endpoint: Endpoint) -> int:
    """Returns the index of an endpoint's provider in `provider.order`, or the list's length if it is not listed."""
    return order.index(endpoint.provider.id) if endpoint.provider.id in order else len(order)


def _unmet(endpoint: Endpoint, preferences: Preferences, snapshot: HealthSnapshot) -> int:
    """Returns how many of the preferred speeds (throughput, latency) an endpoint is known to miss."""
    min_throughput, max_latency = preferences.min_throughput, preferences.max_latency
    if min_throughput is None and max_latency is None:
        return 0
    observed = snapshot.observed(endpoint)
    throughput, latency = observed.tokens_per_s, observed.first_token_s
    too_slow = min_throughput is not None and throughput is not None and throughput < min_throughput
    too_late = max_latency is not None and latency is not None and latency > max_latency
    return too_slow + too_late


def _sort_value(endpoint: Endpoint, price: float | None, sort: Sort | None, snapshot: HealthSnapshot) -> float:
    """Returns the value to sort by: smaller is better, and unknown values come last."""
    match sort:
        case "price":
            return math.inf if price is None else price
        case "throughput":
            speed = snapshot.observed(endpoint).tokens_per_s
            return math.inf if speed is None else -speed
        case "latency":
            delay = snapshot.observed(endpoint).first_token_s
            return math.inf if delay is None else delay
        case None:
            return 0.0


def _reasons(
    sort_key: _SortKey, lacking: str | None, price: float | None, weight: float, sort: Sort | None
) -> tuple[str, ...]:
    cost = "price not known" if price is None else f"${price:g} per million tokens"
    reasons = [f"sorted by {sort}, {cost}" if sort else f"{cost}, weight {weight:.3g}"]
    if sort_key.health is not EndpointHealth.READY:
        reasons.append(sort_key.health.label)
    if lacking is not None:
        reasons.append(f"tried last: {lacking}")
    if sort_key.unmet:
        reasons.append("slower than preferred")
    return tuple(reasons)
