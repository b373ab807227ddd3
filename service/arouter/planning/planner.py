"""Decides which endpoints are called for a request, and in which order.

Pure, except for the random numbers of the documented load balancing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue, Endpoint, Model
from arouter.chat.preferences import Sort, WantedModel
from arouter.chat.request import ChatRequest
from arouter.chat.types import missing
from arouter.config.schema import RoutingConfig
from arouter.errors import ARouterError
from arouter.health.board import HealthBoard
from arouter.health.origin import Origin
from arouter.health.snapshot import EndpointHealth, HealthSnapshot
from arouter.planning.auto import AutoPools, choose
from arouter.planning.context import PlanContext
from arouter.planning.filters import why_excluded
from arouter.planning.plan import Candidate, Cause, Exclusion, Plan, nothing_left
from arouter.planning.ranking import place_in, rank

_MIN_OBSERVED_CALLS = 5
"""Minimum number of observed calls before an endpoint's speed is compared with the deadline."""

_PROBE_SHARE = 0.2
"""Share of the requests that are sent although every endpoint seems too slow for their deadline. Without them, an
endpoint that has become fast again would not be detected."""

_SORT_OF_VARIANT: dict[str | None, Sort] = {"nitro": "throughput", "floor": "price"}
"""docs.arouter.ai: model-variants."""


class Planner:
    """Makes plans.

    Args:
        catalogue: All models.
        board: The health of the endpoints.
        config: The routing configuration.
        random: The source of randomness for load balancing; if it is seeded, plans are reproducible.
    """

    def __init__(self, catalogue: Catalogue, board: HealthBoard, config: RoutingConfig, random: Random) -> None:
        self._catalogue = catalogue
        self._board = board
        self._config = config
        self._random = random
        self._pools = AutoPools(config.auto)

    def configure(self, config: RoutingConfig) -> None:
        """Replaces the configuration for all later plans."""
        self._config = config
        self._pools = AutoPools(config.auto)

    def plan(
        self,
        request: ChatRequest,
        key: AuthenticatedKey,
        now: float,
        remaining: float = math.inf,
        *,
        explain: bool = False,
    ) -> Plan:
        """Returns the plan for a request, with at least one candidate.

        Args:
            request: The client's request.
            key: The caller's API key.
            now: Monotonic seconds.
            remaining: Seconds until the caller's deadline.
            explain: Whether the plan gives its reasons. Such a plan may have no candidates; it raises only the error of
                `Catalogue.find` for a single model.

        Raises:
            ARouterError: From `Catalogue.find` or `nothing_left`; INVALID_REQUEST if no model is named and there is no
                default model.
        """
        snapshot = HealthSnapshot(self._board, now, Origin(key.hash, request.body))
        context = PlanContext(request, key, snapshot, remaining, explain)
        plan = self._plan(context)
        if plan.candidates:
            return plan
        probe_slow = math.isfinite(remaining) and self._random.random() < _PROBE_SHARE
        last_resort = self._plan(replace(context, last_resort=True, probe_slow=probe_slow and not explain))
        if last_resort.candidates:
            return last_resort
        if explain:
            return plan
        # Reasons are collected only now, because the error must give them.
        raise nothing_left(", ".join(plan.wanted), self._plan(replace(context, explain=True)).excluded)

    def _plan(self, context: PlanContext) -> Plan:
        wanted = self._wanted(context)
        if len(wanted) == 1:
            plan = Plan((wanted[0].text,))
            plan.candidates = self._candidates(wanted[0], context, plan)
        else:
            plan = self._plan_several(wanted, context)
        if len(plan.candidates) > 1:
            plan.candidates = _without_repeats(plan.candidates)
            # A last resort comes last even if the request names its model first.
            plan.candidates.sort(key=lambda each: context.health.of(each.endpoint).is_last_resort)
        return plan

    def _plan_several(self, wanted: Sequence[WantedModel], context: PlanContext) -> Plan:
        """Returns a plan for several models, of which some may not exist."""
        plan = Plan(tuple([each.text for each in wanted]))
        for each in wanted:
            try:
                plan.candidates += self._candidates(each, context, plan)
            except ARouterError as error:
                plan.excluded.append(
                    Exclusion(each.text, "any provider", Cause.PREFERENCE, f"is not available: {error.message}")
                )
        return plan

    def _wanted(self, context: PlanContext) -> Sequence[WantedModel]:
        wanted = context.request.preferences.models
        if wanted:
            return wanted
        default = context.key.default_model or self._config.default_model
        if default is None:
            raise missing("model")
        return (WantedModel(default),)

    def _candidates(self, wanted: WantedModel, context: PlanContext, plan: Plan) -> list[Candidate]:
        if context.request.operation == "embeddings":
            model, variant = self._embedder(wanted.text, context.key), None
        elif wanted.wants_auto:
            return self._auto(wanted, context, plan)
        else:
            model, variant = self._resolve(wanted, context.key)
        return self._endpoints(model, variant, context, plan, "asked for")

    def _resolve(self, wanted: WantedModel, key: AuthenticatedKey) -> tuple[Model, str | None]:
        """Returns the model that a name refers to, and the variant suffix that is not part of the model's id.

        Ids may contain colons and slashes themselves (docs.arouter.ai: model-routing; ollama's `llama3:8b`).
        """
        models = self._catalogue.offer(key).models
        named = models.get(wanted.text)
        if named is not None:
            return named, None
        for text, variant in ((wanted.text, None), (wanted.base, wanted.variant)):
            for id_ in (text, self._of_default_provider(text)):
                if id_ in models:
                    return models[id_], variant
        default = (key.default_model or self._config.default_model or "").partition("/")[0]
        preferred = tuple(filter(None, (default, self._config.default_provider)))
        for text, variant in ((wanted.text, None), (wanted.base, wanted.variant)):
            if (meant := self._catalogue.meant(text, models, preferred)) is not None:
                return models[meant], variant
        exists = any(provider.id == self._config.default_provider for provider in self._catalogue.providers)
        return self._catalogue.find(
            self._of_default_provider(wanted.base) if exists else wanted.base, key
        ), wanted.variant

    def _embedder(self, text: str, key: AuthenticatedKey) -> Model:
        """Returns the model for embeddings that a name refers to. It has no variants, and `auto` is none."""
        embedders = self._catalogue.offer(key).embedders
        id_ = text if text in embedders else self._of_default_provider(text)
        return embedders[id_] if id_ in embedders else self._catalogue.find(text, key, "embeddings")

    def _of_default_provider(self, id_: str) -> str:
        return id_ if "/" in id_ else f"{self._config.default_provider}/{id_}"

    def _auto(self, wanted: WantedModel, context: PlanContext, plan: Plan) -> list[Candidate]:
        pool = self._pools.of(self._catalogue.offer(context.key))
        preferences = context.request.preferences
        sort = preferences.sort or _SORT_OF_VARIANT.get(wanted.variant)
        choice = choose(
            pool, context, sort, self._config.auto.speed, lambda model: self._exclusions(model, wanted, context)
        )
        plan.difficulty = choice.difficulty
        plan.excluded += choice.excluded
        if preferences.order:
            choice.ranked.sort(
                key=lambda ranked: min(place_in(preferences.order, each) for each in ranked[0].endpoints)
            )
        return [
            candidate._replace(score=score)
            for model, score, reason in choice.ranked[: None if preferences.allow_fallbacks else 1]
            for candidate in self._endpoints(model, wanted.variant, context, plan, reason)
        ]

    def _endpoints(
        self, model: Model, variant: str | None, context: PlanContext, plan: Plan, reason: str
    ) -> list[Candidate]:
        """Returns the candidates for one model, best first. Adds exclusions to the plan if it explains itself."""
        preferences = context.request.preferences
        candidates = []
        for endpoint in model.endpoints:
            exclusion = self._exclusion(model, endpoint, variant, context)
            if exclusion is None:
                candidates.append(Candidate(model, endpoint, reasons=(reason,) if context.explain else ()))
            elif context.explain:
                plan.excluded.append(exclusion)
        if len(candidates) <= 1 and not context.explain:
            return candidates
        sort = preferences.sort or _SORT_OF_VARIANT.get(variant)
        ranked = rank(candidates, context, sort, self._random)
        if preferences.allow_fallbacks or preferences.order:
            return ranked
        if context.explain:
            reason = "is a fallback (provider.allow_fallbacks is false)"
            plan.excluded += [
                Exclusion(model.id, each.endpoint.provider.id, Cause.PREFERENCE, reason) for each in ranked[1:]
            ]
        return ranked[:1]

    def _exclusions(self, model: Model, wanted: WantedModel, context: PlanContext) -> list[Exclusion]:
        """Returns why each endpoint of a model is excluded; an empty list if at least one is not."""
        found = [self._exclusion(model, endpoint, wanted.variant, context) for endpoint in model.endpoints]
        return [each for each in found if each is not None] if None not in found else []

    def _exclusion(
        self, model: Model, endpoint: Endpoint, variant: str | None, context: PlanContext
    ) -> Exclusion | None:
        found = why_excluded(endpoint, context, free=variant == "free")
        if found is not None:
            return Exclusion(model.id, endpoint.provider.id, *found)
        health = context.health.of(endpoint)
        if health is EndpointHealth.OUT and not (context.last_resort and context.health.has_spare(endpoint)):
            wait = context.health.retry_after(endpoint)
            return Exclusion(model.id, endpoint.provider.id, Cause.HEALTH, health.label, wait)
        if math.isfinite(context.remaining) and not context.probe_slow:
            late = _too_late(endpoint, context)
            if late is not None:
                return Exclusion(model.id, endpoint.provider.id, Cause.DEADLINE, late)
        return None


def _too_late(endpoint: Endpoint, context: PlanContext) -> str | None:
    """Returns why an endpoint cannot respond before the caller's deadline: no recent response began soon enough."""
    observed = context.health.observed(endpoint)
    fastest = observed.fastest_s
    if observed.calls < _MIN_OBSERVED_CALLS or fastest is None or fastest <= context.remaining:
        return None
    return f"takes {fastest:.1f} s at least, and the call's deadline leaves {context.remaining:.1f} s"


def _without_repeats(candidates: list[Candidate]) -> list[Candidate]:
    """Returns the candidates without repeated endpoints; the first occurrence is kept."""
    return list({candidate.endpoint.id: candidate for candidate in reversed(candidates)}.values())[::-1]
