"""Converts moderation results from OpenAI's JSON to typed fields, as `answer.py` does."""

from __future__ import annotations

from arouter.rpc.typed.answer import Fields, Json


def moderation(value: Json | None) -> Fields | None:
    """Returns the fields of `Moderation`."""
    return value and {side: _record_of_call(value.get(side)) for side in ("input", "output")}


def _record_of_call(value: Json | None) -> Fields | None:
    if value is None:
        return None
    if value.get("type") == "error":
        return {"error": {"code": value.get("code"), "message": value.get("message")}}
    results = [_result(result) for result in value.get("results") or ()]
    return {"moderation_results": {"model": value.get("model"), "results": results}}


def _result(value: Json) -> Fields:
    types = value.get("category_applied_input_types") or {}
    return {
        "flagged": value.get("flagged"),
        "categories": value.get("categories"),
        "category_scores": value.get("category_scores"),
        "category_applied_input_types": {category: {"types": names} for category, names in types.items()},
        "model": value.get("model"),
    }
