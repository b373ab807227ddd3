"""A plan: the endpoints to call, in order and with reasons, and the excluded ones with the reasons for that."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from arouter.catalogue.catalogue import Endpoint, Model
from arouter.errors import ARouterError, Failure, invalid_request
from arouter.planning.difficulty import Difficulty

_MAX_NAMED = 5
"""Maximum number of exclusions that an error names one by one; further ones are counted by reason."""


class Cause(Enum):
    """Why an endpoint or a model is excluded."""

    PREFERENCE = "preference"
    """The request's preferences exclude it."""

    PARAMETERS = "parameters"
    """It does not support a parameter, and the request requires support for all."""

    DIALECT = "dialect"
    """Only a provider of the client's own dialect supports a member of the request."""

    CAPABILITY = "capability"
    """It lacks a capability that the request needs."""

    RANK = "rank"
    """Other models rank higher."""

    HEALTH = "health"
    """Its last probe failed."""

    DEADLINE = "deadline"
    """It would respond too late for the caller's deadline."""


class Candidate(NamedTuple):
    """An endpoint that may be called.

    Attributes:
        model: The model that the response names.
        endpoint: The endpoint that is called.
        score: Higher is better among candidates for the same purpose; the reasons say what it consists of.
        reasons: What counts for and against it; empty unless the plan explains itself.
    """

    model: Model
    endpoint: Endpoint
    score: float = 0.0
    reasons: tuple[str, ...] = ()


class Exclusion(NamedTuple):
    """An endpoint or a model that is not called.

    Attributes:
        model: The model's id.
        provider: The provider's id.
        cause: The kind of reason.
        reason: A predicate that follows the endpoint's name in texts for people: in lower case, without a full stop.
        retry_after: Seconds after which the reason may no longer hold; infinite if it does not depend on time.
    """

    model: str
    provider: str
    cause: Cause
    reason: str
    retry_after: float = math.inf


@dataclass(slots=True)
class Plan:
    """The planner's result for a request.

    Attributes:
        wanted: The models that the request names, or the default model.
        candidates: The endpoints to call, in this order.
        excluded: The excluded endpoints and models; complete only if the plan explains itself.
        difficulty: The difficulty of the request; None unless `auto` was used.
    """

    wanted: tuple[str, ...] = ()
    candidates: list[Candidate] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)
    difficulty: Difficulty | None = None


def nothing_left(wanted: str, excluded: list[Exclusion]) -> ARouterError:
    """Returns the error for a request without candidates.

    It is a 503 if an endpoint may become available later, else a 504 if an endpoint is excluded only because of the
    caller's deadline, else a 400 if the client's dialect or required parameters alone exclude all endpoints, else a 404
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
    if causes == {Cause.DIALECT}:
        return invalid_request(message)
    if causes == {Cause.PARAMETERS}:
        return invalid_request(message, "provider.require_parameters")
    return ARouterError(Failure.NO_PROVIDER, message)


def _summary(excluded: list[Exclusion]) -> str:
    if len(excluded) <= _MAX_NAMED:
        return "; ".join(f"{exclusion.model} at {exclusion.provider} {exclusion.reason}" for exclusion in excluded)
    counted = Counter(exclusion.reason for exclusion in excluded).most_common(_MAX_NAMED)
    shown = "; ".join(f"{count} × {reason}" for reason, count in counted)
    rest = len(excluded) - sum(count for _, count in counted)
    return f"{shown}; {rest} for other reasons" if rest else shown
