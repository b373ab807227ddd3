"""Who is asked for a request, in which order. Pure, but for the random numbers of the documented balance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from arouter.accounts.keys import ApiKey
from arouter.catalogue.catalogue import Catalogue, Endpoint, Model
from arouter.chat.preferences import Sort, WantedModel
from arouter.chat.request import ChatRequest
from arouter.chat.types import missing
from arouter.config.schema import RoutingConfig
from arouter.errors import ARouterError
from arouter.routing.auto import AutoPools, choose
from arouter.routing.constraints import objection
from arouter.routing.health import HealthBoard
from arouter.routing.inquiry import Inquiry
from arouter.routing.ordering import arrange, place_in
from arouter.routing.origin import Origin
from arouter.routing.plan import Candidate, Cause, Exclusion, Plan, nothing_left
from arouter.routing.standing import Standing, Standings

_ENOUGH_SEEN = 5
"""Calls after which what was observed of an endpoint counts against a deadline."""

_HOPEFUL = 0.2
"""Share of the requests that no endpoint seems able to answer in time and that are sent anyway: without them it would
not be noticed that an endpoint has become fast again."""

_SORT_OF_VARIANT: dict[str | None, Sort] = {"nitro": "throughput", "floor": "price"}
"""docs.arouter.ai: model-variants."""


class Planner:
    """Makes plans.

    Args:
        catalogue: Of all models.
        board: How providers do.
        config: Of the routing.
        random: For the balance; seeded, it makes plans repeatable.
    """

    def __init__(self, catalogue: Catalogue, board: HealthBoard, config: RoutingConfig, random: Random) -> None:
        self._catalogue = catalogue
        self._board = board
        self._config = config
        self._random = random
        self._pools = AutoPools(config.auto)

    def plan(
        self, request: ChatRequest, key: ApiKey, now: float, remaining: float = math.inf, *, explain: bool = False
    ) -> Plan:
        """Returns the plan for a request, with one candidate at least.

        Args:
            request: What is asked.
            key: Who asks.
            now: Monotonic seconds.
            remaining: Seconds that the caller waits.
            explain: Whether the plan says why; then it may be without candidates, and raises only what
                `Catalogue.find` raises of a single model.

        Raises:
            ARouterError: What `Catalogue.find` and `nothing_left` return; INVALID_REQUEST without a model.
        """
        standings = Standings(self._board, now, Origin(key.hash, request.body))
        inquiry = Inquiry(request, key, standings, remaining, explain)
        plan = self._plan(inquiry)
        if plan.candidates:
            return plan
        hopeful = math.isfinite(remaining) and self._random.random() < _HOPEFUL
        last_resort = self._plan(replace(inquiry, last_resort=True, hopeful=hopeful and not explain))
        if last_resort.candidates:
            return last_resort
        if explain:
            return plan
        # Nobody is left: worth a second look, to say why.
        raise nothing_left(", ".join(plan.wanted), self._plan(replace(inquiry, explain=True)).excluded)

    def _plan(self, inquiry: Inquiry) -> Plan:
        wanted = self._wanted(inquiry)
        plan = Plan(tuple(each.text for each in wanted))
        for each in wanted:
            try:
                plan.candidates += self._candidates(each, inquiry, plan)
            except ARouterError as error:
                if len(wanted) == 1:
                    raise
                plan.excluded.append(Exclusion(each.text, "any provider", Cause.WISH, f"is not there: {error.message}"))
        plan.candidates = _without_repeats(plan.candidates)
        if len(plan.candidates) > 1:
            # Even one of a model that is wanted more.
            plan.candidates.sort(key=lambda each: inquiry.standings.of(each.endpoint).is_last_resort)
        return plan

    def _wanted(self, inquiry: Inquiry) -> Sequence[WantedModel]:
        wanted = inquiry.request.preferences.models
        if wanted:
            return wanted
        default = inquiry.key.default_model or self._config.default_model
        if default is None:
            raise missing("model")
        return (WantedModel(default),)

    def _candidates(self, wanted: WantedModel, inquiry: Inquiry, plan: Plan) -> list[Candidate]:
        if wanted.wants_auto:
            return self._auto(wanted, inquiry, plan)
        model, variant = self._resolve(wanted, inquiry.key)
        return self._endpoints(model, variant, inquiry, plan, "asked for")

    def _resolve(self, wanted: WantedModel, key: ApiKey) -> tuple[Model, str | None]:
        """Returns the model that a text means, and the suffix that is none of its name.

        Names of models may have colons themselves, and slashes (docs.arouter.ai: model-routing; ollama's `llama3:8b`).
        """
        models = self._catalogue.offer(key).models
        for text, variant in ((wanted.text, None), (wanted.base, wanted.variant)):
            for id_ in (text, self._of_default_provider(text)):
                if id_ in models:
                    return models[id_], variant
        there = any(provider.id == self._config.default_provider for provider in self._catalogue.providers)
        return self._catalogue.find(
            self._of_default_provider(wanted.base) if there else wanted.base, key
        ), wanted.variant

    def _of_default_provider(self, id_: str) -> str:
        return id_ if "/" in id_ else f"{self._config.default_provider}/{id_}"

    def _auto(self, wanted: WantedModel, inquiry: Inquiry, plan: Plan) -> list[Candidate]:
        pool = self._pools.of(self._catalogue.offer(inquiry.key))
        preferences = inquiry.request.preferences
        sort = preferences.sort or _SORT_OF_VARIANT.get(wanted.variant)
        choice = choose(
            pool, inquiry, sort, self._config.auto.speed, lambda model: self._objections(model, wanted, inquiry)
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
            for candidate in self._endpoints(model, wanted.variant, inquiry, plan, reason)
        ]

    def _endpoints(
        self, model: Model, variant: str | None, inquiry: Inquiry, plan: Plan, reason: str
    ) -> list[Candidate]:
        """Returns the endpoints of one model, best first; notes those that are excluded."""
        preferences = inquiry.request.preferences
        candidates = []
        for endpoint in model.endpoints:
            exclusion = self._exclusion(model, endpoint, variant, inquiry)
            if exclusion is None:
                candidates.append(Candidate(model, endpoint, reasons=(reason,) if inquiry.explain else ()))
            elif inquiry.explain:
                plan.excluded.append(exclusion)
        sort = preferences.sort or _SORT_OF_VARIANT.get(variant)
        arranged = arrange(candidates, inquiry, sort, self._random)
        if preferences.allow_fallbacks or preferences.order:
            return arranged
        if inquiry.explain:
            reason = "is a fallback (provider.allow_fallbacks is false)"
            plan.excluded += [
                Exclusion(model.id, each.endpoint.provider.id, Cause.WISH, reason) for each in arranged[1:]
            ]
        return arranged[:1]

    def _objections(self, model: Model, wanted: WantedModel, inquiry: Inquiry) -> list[Exclusion]:
        """Returns why none of a model's endpoints may be asked; nothing if one may."""
        found = [self._exclusion(model, endpoint, wanted.variant, inquiry) for endpoint in model.endpoints]
        return [each for each in found if each is not None] if None not in found else []

    def _exclusion(self, model: Model, endpoint: Endpoint, variant: str | None, inquiry: Inquiry) -> Exclusion | None:
        found = objection(endpoint, inquiry, free=variant == "free")
        if found is not None:
            return Exclusion(model.id, endpoint.provider.id, *found)
        standing = inquiry.standings.of(endpoint)
        if standing is Standing.OUT and not (inquiry.last_resort and inquiry.standings.has_spare(endpoint)):
            wait = inquiry.standings.retry_after(endpoint)
            return Exclusion(model.id, endpoint.provider.id, Cause.HEALTH, standing.label, wait)
        if math.isfinite(inquiry.remaining) and not inquiry.hopeful:
            late = _too_late(endpoint, inquiry)
            if late is not None:
                return Exclusion(model.id, endpoint.provider.id, Cause.DEADLINE, late)
        return None


def _too_late(endpoint: Endpoint, inquiry: Inquiry) -> str | None:
    """Says that an endpoint cannot answer before the caller's deadline: none of its answers lately began so soon."""
    seen = inquiry.standings.observed(endpoint)
    fastest = seen.fastest_s
    if seen.calls < _ENOUGH_SEEN or fastest is None or fastest <= inquiry.remaining:
        return None
    return f"takes {fastest:.1f} s at least, and the call's deadline leaves {inquiry.remaining:.1f} s"


def _without_repeats(candidates: list[Candidate]) -> list[Candidate]:
    """Returns the candidates, each endpoint once, where it comes first."""
    if len(candidates) == 1:
        return candidates
    return list({candidate.endpoint.id: candidate for candidate in reversed(candidates)}.values())[::-1]
