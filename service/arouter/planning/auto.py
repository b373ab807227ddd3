"""Chooses models for `"model": "auto"`: by the tier that the request needs, then by price. Pure.

docs/routing.md describes the rules.
"""

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
from arouter.providers.model_filter import is_specialist

TIERS: tuple[Tier, ...] = ("economy", "standard", "premium")
LEVELS: tuple[Level, ...] = ("easy", "medium", "hard")

FITS: Mapping[int, float] = {0: 1.0, 1: 0.55, 2: 0.1, -1: 0.0, -2: -0.5}
"""How well a tier suits a request, by the number of tiers that it is above the needed one. Too high a tier costs
money, too low a tier gives bad completions. The differences exceed the default weights of price and speed."""

HANDICAPS: Mapping[EndpointHealth, float] = {
    EndpointHealth.OUTAGE: 0.2,
    EndpointHealth.LIMITED: 0.5,
    EndpointHealth.SUSPECT: 2.0,
}
"""What is subtracted from a model's score for the health of its best endpoint."""

_UNKNOWN_DELAY = 3600.0
"""Assumed seconds to the first token, for `sort: latency`, of a model without recent calls."""

_UNKNOWN_SPEED = 0.5
"""Assumed speed score of a model without recent calls: average, so that it is tried and its speed becomes known."""

_MAX_RANKED = 6
"""Maximum number of models that become candidates."""

_UNKNOWN_PRICE = 10.0
"""Assumed price of a model without a known price, in USD per million tokens."""


class _Entry(NamedTuple):
    model: Model
    price: float
    tier: Tier
    scores: Mapping[Level, float]


@dataclass
class AutoPool:
    """The models that `auto` may choose from, sorted in advance.

    Attributes:
        by_level: The models, best first, for each level of difficulty.
        by_price: The models, cheapest first.
    """

    by_level: dict[Level, list[_Entry]]
    by_price: list[_Entry]


@dataclass
class Choice:
    """The result of `choose`.

    Attributes:
        difficulty: The difficulty of the request.
        ranked: The models, best first, each with its score and the reason.
        excluded: The models that are not allowed, lack a capability or rank too low, if reasons are wanted.
    """

    difficulty: Difficulty
    ranked: list[tuple[Model, float, str]] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)


class AutoPools:
    """The pools for each set of visible models, built on first use.

    Args:
        config: The weights, and patterns of the models that may be chosen.
    """

    def __init__(self, config: AutoConfig) -> None:
        self._config = config
        self._patterns = None if config.models is None else Patterns(config.models)
        self._pools: WeakKeyDictionary[VisibleModels, AutoPool] = WeakKeyDictionary()

    def of(self, visible: VisibleModels) -> AutoPool:
        """Returns the pool for the models that a key may see."""
        pool = self._pools.get(visible)
        if pool is None:
            pool = self._pools[visible] = self._build(visible)
        return pool

    def _build(self, visible: VisibleModels) -> AutoPool:
        # A model with several endpoints is chosen as a whole, not by one of its endpoints, so that it has fallbacks.
        mapped = {each.id for model in visible.models.values() if len(model.endpoints) > 1 for each in model.endpoints}
        entries = [
            self._entry(model)
            for model in visible.models.values()
            if not (len(model.endpoints) == 1 and model.id in mapped)
            and not all(is_specialist(each.native_name) for each in model.endpoints)
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
    pool: AutoPool,
    context: PlanContext,
    sort: Sort | None,
    speed: float,
    exclusions: Callable[[Model], list[Exclusion]],
) -> Choice:
    """Returns the best models for a request; none if no model is both allowed and capable.

    Args:
        pool: The models to choose from.
        context: The request. Models that are not known to have a capability that it needs are excluded.
        sort: `price` chooses the cheapest model of any tier; the other values choose the fastest of the best models.
        speed: The weight of a short time to the first token.
        exclusions: Returns why each endpoint of a model is excluded; an empty list if at least one is not.
    """
    difficulty = difficulty_of(context.request, context.requirements)
    choice = Choice(difficulty)
    patterns = context.request.preferences.auto_models
    allowed = None if patterns is None else Patterns(patterns)
    best: list[_Entry] = []
    entries = pool.by_price if sort == "price" else pool.by_level[difficulty.level]
    if order := context.request.preferences.order:
        entries = sorted(entries, key=lambda entry: min(place_in(order, each) for each in entry.model.endpoints))
    for entry in entries:
        found = _model_exclusions(entry.model, context, allowed) or exclusions(entry.model)
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
    endpoint = min(entry.model.endpoints, key=context.health.of)
    observed = context.health.observed(endpoint)
    latency = observed.first_token_s
    handicap = HANDICAPS.get(context.health.of(endpoint), 0.0)
    if sort == "throughput":
        return (observed.tokens_per_s or 0.0) - handicap
    if sort == "latency":
        return -(_UNKNOWN_DELAY if latency is None else latency) - handicap
    speed_score = _UNKNOWN_SPEED if latency is None else 1 / (1 + latency)
    return entry.scores[level] + speed * speed_score - handicap


def _model_exclusions(model: Model, context: PlanContext, allowed: Patterns | None) -> list[Exclusion]:
    """Returns why `auto` may not choose a model, regardless of its endpoints; an empty list if it may."""
    if allowed is not None and not allowed.match(model.id):
        return [Exclusion(model.id, model.owner, Cause.PREFERENCE, "is not in the plugin's allowed_models")]
    lacking = lacks(model.details, context.requirements, strict=True)
    return [] if lacking is None else [Exclusion(model.id, model.owner, Cause.CAPABILITY, lacking)]


def _cheapness(price: float) -> float:
    """Returns 1 for a free model, 0.5 at one dollar per million tokens, and nearly 0 for very high prices."""
    return 1 / (1 + math.sqrt(price))
