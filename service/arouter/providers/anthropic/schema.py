"""Encodes structured output: OpenAI's `response_format` becomes Anthropic's `output_config.format`."""

from __future__ import annotations

from arouter.chat.dropped import Dropped
from arouter.errors import invalid_request
from arouter.providers.anthropic.schema_rules import RULES
from arouter.providers.anthropic.unchecked import Json, optional, required
from arouter.providers.json_schema import RecursiveSchemaError, adapt_schema, json_text

JSON_INSTRUCTION = "Answer with one JSON object and nothing else: no words around it and no code fence."
"""Replaces `json_object`. Anthropic supports only schemas, so the mode is not guaranteed and reported as dropped."""

_SCHEMA = "response_format.json_schema.schema"
_FORMAT_FIELDS = frozenset({"type", "json_schema"})
# Schemas have no name in Anthropic's API, and are always strict.
_DESCRIBED = frozenset({"name", "description", "schema", "strict"})


def encode_response_format(body: Json, dropped: Dropped) -> tuple[Json | None, str | None]:
    """Returns `output_config.format` and the instruction for `response_format`."""
    response_format = optional(body, "response_format", dict, "")
    if response_format is None:
        return None, None
    kind = required(response_format, "type", str, "response_format")
    dropped.add_rest(response_format, _FORMAT_FIELDS, "response_format.")
    if kind == "text":
        return None, None
    if kind == "json_object":
        dropped.add("response_format")
        return None, JSON_INSTRUCTION
    if kind != "json_schema":
        raise invalid_request(
            f"Invalid value for 'response_format.type': {kind[:64]!r}. This model supports 'text', 'json_object' and"
            " 'json_schema'.",
            "response_format.type",
        )
    described = required(response_format, "json_schema", dict, "response_format")
    dropped.add_rest(described, _DESCRIBED, "response_format.json_schema.")
    schema = optional(described, "schema", dict, "response_format.json_schema")
    if schema is None:
        dropped.add("response_format")
        return None, JSON_INSTRUCTION
    description = optional(described, "description", str, "response_format.json_schema")
    if description:
        schema = {"description": description, **schema}
    try:
        adapted, weaker = adapt_schema(schema, RULES, _SCHEMA)
    except RecursiveSchemaError:
        dropped.add("response_format")
        return None, f"{JSON_INSTRUCTION} It follows this JSON Schema: {json_text(schema, _SCHEMA)}"
    if weaker:
        dropped.add(_SCHEMA)
    return {"type": "json_schema", "schema": adapted}, None
