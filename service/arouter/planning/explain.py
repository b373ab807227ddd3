"""Explains why a plan calls a model or does not. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Catalogue
from arouter.errors import ARouterError, Failure
from arouter.planning.plan import Plan


class Explanation(NamedTuple):
    """What a plan does with a model.

    Attributes:
        name: The result as a constant for programs.
        reason: The reason as a sentence for people.
    """

    name: Literal["candidate", "excluded", "not_asked_for", "forbidden", "unknown"]
    reason: str


def verdict(id_: str, plan: Plan, catalogue: Catalogue, key: AuthenticatedKey) -> Explanation:
    """Returns what a plan does with a model. It discloses no more about the model than calling it would.

    Args:
        id_: The id of the model, or of one of its endpoints.
        plan: A plan that explains itself.
        catalogue: All models.
        key: The caller's API key.
    """
    count = len(plan.candidates)
    for place, candidate in enumerate(plan.candidates, 1):
        if id_ in (candidate.model.id, candidate.endpoint.id):
            reasons = "; ".join(candidate.reasons)
            return Explanation("candidate", f"'{id_}' is candidate {place} of {count}: {reasons}.")
    models = catalogue.offer(key).models.values()
    names = {id_, *(model.id for model in models if any(endpoint.id == id_ for endpoint in model.endpoints))}
    against = [f"{each.model} at {each.provider} {each.reason}" for each in plan.excluded if each.model in names]
    if against:
        return Explanation("excluded", f"{'; '.join(against)}.")
    try:
        catalogue.find(id_, key)
    except ARouterError as error:
        return Explanation("forbidden" if error.failure is Failure.PERMISSION_DENIED else "unknown", error.message)
    if plan.difficulty is not None:
        return Explanation("not_asked_for", f"'{id_}' is not among what 'auto' may choose (routing.auto.models).")
    return Explanation("not_asked_for", "The request names other models.")
