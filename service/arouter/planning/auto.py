"""What `"model": "auto"` chooses: the tier that a request needs, then by price. Pure; docs/routing.md explains it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from arouter.catalogue.catalogue import Model, VisibleModels
from arouter.catalogue.quality import blended_price, tier_of
from arouter.chat.preferences import Sort
from arouter.config.schema import AutoConfig
from arouter.health.snapshot import EndpointHealth
from arouter.models import Tier
from arouter.patterns import Patterns
from arouter.planning.context import PlanContext
from arouter.planning.difficulty import Difficulty, Level, difficulty_of
from arouter.planning.plan import Cause, Exclusion
from arouter.planning.ranking import place_in
from arouter.planning.requirements import lacks

TIERS: tuple[Tier, ...] = ("economy", "standard", "premium")
LEVELS: tuple[Level, ...] = ("easy", "medium", "hard")

FITS: Mapping[int, float] = {0: 1.0, 1: 0.55, 2: 0.1, -1: 0.0, -2: -0.5}
"""How well a tier suits a request, by how many steps it is above what the request needs: too good costs money, too bad
gives a bad answer. The steps between are larger than what price and speed count by default."""

HANDICAPS: Mapping[EndpointHealth, float] = {
    EndpointHealth.OUTAGE: 0.2,
    EndpointHealth.LIMITED: 0.5,
    EndpointHealth.SUSPECT: 2.0,
}
"""What it takes from a model's score that its best endpoint is not well."""

_UNKNOWN_DELAY = 3600.0
"""Seconds to the first token of a model that was not seen lately, where the fastest is wanted."""

_UNKNOWN_SPEED = 0.5
"""What a model counts whose speed has not been seen: it is to be found out."""

_MAX_RANKED = 6
"""Models that become candidates."""

_UNKNOWN_PRICE = 10.0
"""USD per million tokens that a model costs which does not say."""


class _Entry(NamedTuple):
    model: Model
    price: float
    tier: Tier
    scores: Mapping[Level, float]


@dataclass
class AutoPool:
    """What `auto` may choose from, sorted beforehand.

    Attributes:
        by_level: The models for each level of difficulty, best first.
        by_price: The same, cheapest first.
    """

    by_level: dict[Level, list[_Entry]]
    by_price: list[_Entry]


@dataclass
class Choice:
    """What `auto` chose.

    Attributes:
        difficulty: Of the request.
        ranked: The models, best first, each with its score and the reason.
        excluded: Those that may not or cannot.
    """

    difficulty: Difficulty
    ranked: list[tuple[Model, float, str]] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)


class AutoPools:
    """The pool of each offer, made when it is first asked for.

    Args:
        config: Weights, and what may be chosen.
    """

    def __init__(self, config: AutoConfig) -> None:
        self._config = config
        self._patterns = None if config.models is None else Patterns(config.models)
        self._pools: WeakKeyDictionary[VisibleModels, AutoPool] = WeakKeyDictionary()

    def of(self, offer: VisibleModels) -> AutoPool:
        """Returns the pool of an offer."""
        pool = self._pools.get(offer)
        if pool is None:
            pool = self._pools[offer] = self._build(offer)
        return pool

    def _build(self, offer: VisibleModels) -> AutoPool:
        # An endpoint that a model of several has is chosen through it, with the others as fallbacks.
        mapped = {each.id for model in offer.models.values() if len(model.endpoints) > 1 for each in model.endpoints}
        entries = [
            self._entry(model)
            for model in offer.models.values()
            if not (len(model.endpoints) == 1 and model.id in mapped)
            and (self._patterns is None or self._patterns.match(model.id))
        ]
        entries.sort(key=lambda entry: (entry.price, -entry.model.created, entry.model.id))
        by_level = {level: sorted(entries, key=lambda entry: -entry.scores[level]) for level in LEVELS}
        return AutoPool(by_level, entries)

    def _entry(self, model: Model) -> _Entry:
        known = blended_price(model.details.prices)
        price = _UNKNOWN_PRICE if known is None else known
        tier = tier_of(model.id, model.details)
        cheapness = self._config.price * _cheapness(price)
        scores = {
            level: self._config.quality * FITS[TIERS.index(tier) - LEVELS.index(level)] + cheapness for level in LEVELS
        }
        return _Entry(model, price, tier, scores)


def choose(
    pool: AutoPool, context: PlanContext, sort: Sort | None, speed: float, against: Callable[[Model], list[Exclusion]]
) -> Choice:
    """Returns the best models for a request; none if nobody may or can answer it.

    Args:
        pool: What there is to choose from.
        context: The request. What it needs must be known to be given.
        sort: `price` chooses the cheapest, whatever its tier; the others the fastest of the best.
        speed: The weight of a short time to the first token.
        against: Says why none of a model's endpoints may be asked; nothing if one may.
    """
    difficulty = difficulty_of(context.request, context.requirements)
    choice = Choice(difficulty)
    wished = context.request.preferences.auto_models
    allowed = None if wished is None else Patterns(wished)
    best: list[_Entry] = []
    entries = pool.by_price if sort == "price" else pool.by_level[difficulty.level]
    if order := context.request.preferences.order:
        entries = sorted(entries, key=lambda entry: min(place_in(order, each) for each in entry.model.endpoints))
    for entry in entries:
        found = _objections(entry.model, context, allowed) or against(entry.model)
        if found:
            if context.explain:
                choice.excluded += found
        elif len(best) < _MAX_RANKED:
            best.append(entry)
        elif context.explain:
            reason = f"is {entry.tier}, and ranks below the best {_MAX_RANKED}"
            choice.excluded.append(Exclusion(entry.model.id, entry.model.owner, Cause.RANK, reason))
        else:
            break
    for entry in best:
        score = -entry.price if sort == "price" else _score(entry, difficulty.level, context, sort, speed)
        choice.ranked.append((entry.model, score, f"{entry.tier} for a request that is {difficulty.level}"))
    choice.ranked.sort(key=lambda ranked: -ranked[1])
    return choice


def _score(entry: _Entry, level: Level, context: PlanContext, sort: Sort | None, speed: float) -> float:
    endpoint = min(entry.model.endpoints, key=context.standings.of)
    seen = context.standings.observed(endpoint)
    handicap = HANDICAPS.get(context.standings.of(endpoint), 0.0)
    if sort == "throughput":
        return (seen.tokens_per_s or 0.0) - handicap
    if sort == "latency":
        return -(_UNKNOWN_DELAY if seen.first_token_s is None else seen.first_token_s) - handicap
    quick = _UNKNOWN_SPEED if seen.first_token_s is None else 1 / (1 + seen.first_token_s)
    return entry.scores[level] + speed * quick - handicap


def _objections(model: Model, context: PlanContext, allowed: Patterns | None) -> list[Exclusion]:
    """Returns why `auto` may not choose a model: not for what its endpoints are like, but for what it is."""
    if allowed is not None and not allowed.match(model.id):
        return [Exclusion(model.id, model.owner, Cause.PREFERENCE, "is not in the plugin's allowed_models")]
    lacking = lacks(model.details, context.requirements, strict=True)
    return [] if lacking is None else [Exclusion(model.id, model.owner, Cause.CAPABILITY, lacking)]


def _cheapness(price: float) -> float:
    """Returns 1 for what is free, 0.5 at a dollar, and nearly 0 for what nobody pays."""
    return 1 / (1 + math.sqrt(price))
