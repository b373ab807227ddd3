"""Structured output: OpenAI's `response_format` becomes Anthropic's `output_config.format`."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.errors import ARouterError, invalid_request
from arouter.providers.anthropic.fields import Json, optional, required
from arouter.providers.dropped import Dropped

JSON_INSTRUCTION = "Answer with one JSON object and nothing else: no words around it and no code fence."
"""What `json_object` is translated to. Anthropic has no such mode, only schemas, so it is a wish, noted as dropped."""

_MAX_DEPTH = 64
_SCHEMA = "response_format.json_schema.schema"
# Source: platform.claude.com, "Structured outputs", limitations. The official SDK too moves these into the description.
_CONSTRAINTS = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
    }
)
_FORMAT_FIELDS = frozenset({"type", "json_schema"})
# A schema has no name there, and every one is strict.
_DESCRIBED = frozenset({"name", "description", "schema", "strict"})
_NAMED_SCHEMAS = ("properties", "$defs", "definitions")
_SCHEMA_LISTS = ("anyOf", "allOf", "oneOf")


def encode_response_format(body: Json, dropped: Dropped) -> tuple[Json | None, str | None]:
    """Returns the `output_config.format` and the instruction that `response_format` asks for."""
    wanted = optional(body, "response_format", dict, "")
    if wanted is None:
        return None, None
    kind = required(wanted, "type", str, "response_format")
    dropped.add_rest(wanted, _FORMAT_FIELDS, "response_format.")
    if kind == "text":
        return None, None
    if kind == "json_object":
        dropped.add("response_format")
        return None, JSON_INSTRUCTION
    if kind != "json_schema":
        raise invalid_request(
            f"Invalid value for 'response_format.type': {kind[:64]!r}. This model takes 'text', 'json_object' and"
            " 'json_schema'.",
            "response_format.type",
        )
    described = required(wanted, "json_schema", dict, "response_format")
    dropped.add_rest(described, _DESCRIBED, "response_format.json_schema.")
    schema = optional(described, "schema", dict, "response_format.json_schema")
    if schema is None:
        dropped.add("response_format")
        return None, JSON_INSTRUCTION
    description = optional(described, "description", str, "response_format.json_schema")
    if description:
        schema = {"description": description, **schema}
    closed = _Schema()
    adapted = closed.adapt(schema)
    if closed.weaker:
        dropped.add(_SCHEMA)
    return {"type": "json_schema", "schema": adapted}, None


class _Schema:
    """Makes of a schema one that Anthropic accepts.

    Objects are closed, as Anthropic demands: what fits then still fits the client's schema. Constraints that it refuses
    become words in the description. The order of keys stays, because models write in it.

    Attributes:
        weaker: Whether a constraint is now only words.
    """

    def __init__(self) -> None:
        self.weaker = False

    def adapt(self, schema: Any, depth: int = 0) -> Any:
        if not isinstance(schema, dict):
            return schema
        if depth > _MAX_DEPTH:
            raise _too_deep()
        adapted: Json = {}
        words = []
        for field, value in schema.items():
            if field in _CONSTRAINTS or (field == "minItems" and value not in (0, 1)):
                words.append(f"{field}: {_text(value)}")
            elif field in _NAMED_SCHEMAS and isinstance(value, dict):
                adapted[field] = {name: self.adapt(each, depth + 1) for name, each in value.items()}
            elif field in _SCHEMA_LISTS and isinstance(value, list):
                adapted[self._combination(field, schema)] = [self.adapt(each, depth + 1) for each in value]
            elif field == "items":
                adapted[field] = self.adapt(value, depth + 1)
            else:
                adapted[field] = value
        if words:
            self.weaker = True
            note = "{" + ", ".join(words) + "}"
            said = adapted.get("description")
            adapted["description"] = f"{said}\n\n{note}" if said else note
        if isinstance(adapted.get("properties"), dict):
            adapted.setdefault("additionalProperties", False)
        return adapted

    def _combination(self, field: str, schema: Json) -> str:
        """Returns `anyOf` for `oneOf`, which Anthropic does not know."""
        if field != "oneOf" or "anyOf" in schema:
            return field
        self.weaker = True
        return "anyOf"


def _text(constraint: Any) -> str:
    try:
        return orjson.dumps(constraint).decode()
    except orjson.JSONEncodeError as error:
        raise _too_deep() from error


def _too_deep() -> ARouterError:
    return invalid_request(f"The schema is nested deeper than {_MAX_DEPTH} levels.", _SCHEMA)
