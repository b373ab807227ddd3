"""A plan: who is asked, in which order and why; and who is not, and why not."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from arouter.catalogue.catalogue import Endpoint, Model
from arouter.errors import ARouterError, Failure, invalid_request
from arouter.routing.difficulty import Difficulty

_MOST_NAMED = 5
"""Exclusions that an error names one by one; more are counted by their reasons."""


class Cause(Enum):
    """Why a candidate is none."""

    WISH = "wish"
    """The request does not want it."""

    PARAMETERS = "parameters"
    """It knows a parameter not, and the request requires all."""

    CAPABILITY = "capability"
    """It cannot do what the request needs."""

    RANK = "rank"
    """Others suit the request better."""

    HEALTH = "health"
    """Its provider fails."""

    DEADLINE = "deadline"
    """It would answer too late."""


class Candidate(NamedTuple):
    """Somebody to ask.

    Attributes:
        model: What the answer is named after.
        endpoint: Who answers.
        score: The higher, the better among its neighbours; what it counts, the reasons say.
        reasons: What speaks for and against it; only of plans that explain themselves.
    """

    model: Model
    endpoint: Endpoint
    score: float = 0.0
    reasons: tuple[str, ...] = ()


class Exclusion(NamedTuple):
    """Somebody who is not asked.

    Attributes:
        model: Its id.
        provider: The provider's id.
        cause: What kind of reason it is.
        reason: For people, beginning in lower case, without a full stop.
        retry_after: Seconds after which the reason may be gone; infinite if time does not help.
    """

    model: str
    provider: str
    cause: Cause
    reason: str
    retry_after: float = math.inf


@dataclass(slots=True)
class Plan:
    """What the planner made of a request.

    Attributes:
        wanted: The models that the request names, or the default one.
        candidates: Whom to ask, in this order.
        excluded: Whom not; complete only of plans that explain themselves.
        difficulty: How demanding the request is, if `auto` had to know.
    """

    wanted: tuple[str, ...] = ()
    candidates: list[Candidate] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)
    difficulty: Difficulty | None = None


def nothing_left(wanted: str, excluded: list[Exclusion]) -> ARouterError:
    """Returns the error for a request that no endpoint may answer.

    It is a 404 if the request's own preferences exclude all endpoints, a 400 if the parameters that it requires do, a
    503 if an endpoint may be available again later, and a 504 if only the caller's deadline excludes them
    (docs.arouter.ai: zdr, error-handling).
    """
    if not excluded:
        return ARouterError(Failure.MODEL_NOT_FOUND, f"There is no model for '{wanted}'.", param="model")
    message = f"No provider is left for '{wanted}': {_summary(excluded)}."
    causes = {exclusion.cause for exclusion in excluded}
    if Cause.HEALTH in causes:
        wait = min(exclusion.retry_after for exclusion in excluded)
        retry_after = max(1, math.ceil(wait)) if math.isfinite(wait) else 1
        return ARouterError(Failure.UNAVAILABLE, message, retry_after=retry_after)
    if Cause.DEADLINE in causes:
        return ARouterError(Failure.DEADLINE_EXCEEDED, message)
    if causes == {Cause.PARAMETERS}:
        return invalid_request(message, "provider.require_parameters")
    return ARouterError(Failure.NO_PROVIDER, message)


def _summary(excluded: list[Exclusion]) -> str:
    if len(excluded) <= _MOST_NAMED:
        return "; ".join(f"{exclusion.model} at {exclusion.provider} {exclusion.reason}" for exclusion in excluded)
    counted = Counter(exclusion.reason for exclusion in excluded).most_common(_MOST_NAMED)
    shown = "; ".join(f"{count} × {reason}" for reason, count in counted)
    rest = len(excluded) - sum(count for _, count in counted)
    return f"{shown}; {rest} for other reasons" if rest else shown
