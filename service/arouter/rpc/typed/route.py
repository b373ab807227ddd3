"""Converts plans and their results to protobuf messages."""

from __future__ import annotations

from typing import Any

from arouter.calls.call_record import CallRecord
from arouter.planning.plan import Candidate, Plan
from arouter.v1.route_pb2 import RouteExclusion, RouteTrace


def planned_route(plan: Plan) -> RouteTrace:
    """Returns the complete plan."""
    excluded = [
        RouteExclusion(model=each.model, provider=each.provider, cause=each.cause.value, reason=each.reason)
        for each in plan.excluded
    ]
    return RouteTrace(**_fields(plan), excluded=excluded)


def taken_route(record: CallRecord) -> RouteTrace:
    """Returns the plan and attempts of a call with a response."""
    attempts = [
        {
            "model": attempt.model,
            "provider": attempt.endpoint.provider.id,
            "result": attempt.result,
            "ms": attempt.ms,
        }
        for attempt in record.attempts
    ]
    return RouteTrace(**({} if record.plan is None else _fields(record.plan)), attempts=attempts)  # type: ignore[arg-type]


def _fields(plan: Plan) -> dict[str, Any]:
    # Nested messages as dicts: protobuf builds them faster than from message objects.
    fields: dict[str, Any] = {"requested_models": plan.wanted, "candidates": [*map(_candidate, plan.candidates)]}
    difficulty = plan.difficulty
    if difficulty is not None:
        fields["difficulty"] = difficulty.level
        fields["difficulty_score"] = difficulty.score
        fields["difficulty_reasons"] = difficulty.reasons
    return fields


def _candidate(candidate: Candidate) -> dict[str, Any]:
    endpoint = candidate.endpoint
    fields: dict[str, Any] = {"model": candidate.model.id, "provider": endpoint.provider.id, "endpoint": endpoint.id}
    if candidate.score:
        fields["score"] = candidate.score
    if candidate.reasons:
        fields["reasons"] = candidate.reasons
    return fields
