"""Converts a tool's schema to what Anthropic supports: no `allOf`, `anyOf` or `oneOf` at the top level.

Source: "input_schema does not support oneOf, allOf, or anyOf at the top level" (langchain-ai/langchain#39271).
"""

from __future__ import annotations

from typing import Any

from arouter.providers.anthropic.unchecked import Json
from arouter.providers.json_schema import MAX_DEPTH, json_text
from arouter.providers.lenient import objects

_ALTERNATIVES = ("anyOf", "oneOf")


def plain_object(schema: Json, path: str) -> tuple[Json, bool]:
    """Returns a schema with the properties of all its alternatives, and whether constraints were lost.

    Properties that all alternatives require remain required. The alternatives are added to the description.

    Args:
        schema: Never modified.
        path: Its path in the request, for errors.

    Raises:
        ARouterError: INVALID_REQUEST if it is nested too deeply.
    """
    alternatives = {keyword: schema[keyword] for keyword in _ALTERNATIVES if keyword in schema}
    if not alternatives and "allOf" not in schema:
        return schema, False
    merged = _merged(schema, schema, 0)
    if alternatives:
        note = json_text(alternatives, path)
        description = schema.get("description")
        merged["description"] = f"{description}\n\n{note}" if isinstance(description, str) and description else note
    return merged, bool(alternatives)


def _merged(schema: Json, root: Json, depth: int) -> Json:
    """Merges the properties of a schema's parts into it."""
    merged = {keyword: value for keyword, value in schema.items() if keyword not in (*_ALTERNATIVES, "allOf", "$ref")}
    target = _target(schema.get("$ref"), root)
    if depth < MAX_DEPTH:
        for part in [target, *objects(schema.get("allOf"))]:
            if part is not None:
                _add(merged, _merged(part, root, depth + 1), required=True)
        for keyword in _ALTERNATIVES:
            choices = [_merged(choice, root, depth + 1) for choice in objects(schema.get(keyword))]
            common = (
                [name for name in _required(choices[0]) if all(name in _required(c) for c in choices)]
                if choices
                else []
            )
            for choice in choices:
                _add(merged, choice, required=False)
            _require(merged, common)
    return merged


def _add(merged: Json, part: Json, *, required: bool) -> None:
    for keyword, value in part.items():
        if keyword == "properties" and isinstance(value, dict):
            merged[keyword] = _all_properties(merged.get(keyword) or {}, value)
        elif keyword != "required":
            merged.setdefault(keyword, value)
    if required:
        _require(merged, _required(part))


def _all_properties(own: Json, others: Json) -> Json:
    both = dict(own)
    for name, value in others.items():
        if name not in both:
            both[name] = value
        elif both[name] != value:
            both[name] = {"anyOf": [both[name], value]}
    return both


def _require(merged: Json, names: list[str]) -> None:
    if names:
        merged["required"] = list(dict.fromkeys([*_required(merged), *names]))


def _required(schema: Json) -> list[str]:
    names = schema.get("required")
    return names if isinstance(names, list) else []


def _target(ref: Any, root: Json) -> Json | None:
    """Returns the top-level definition that a reference points to, or None."""
    _, _, place = ref.partition("#/") if isinstance(ref, str) else ("", "", "")
    kind, _, name = place.partition("/")
    definitions = root.get(kind) if kind in ("$defs", "definitions") else None
    found = definitions.get(name) if isinstance(definitions, dict) else None
    return found if isinstance(found, dict) else None
