"""Converts Google's `Schema`, a dialect of OpenAPI 3.0, to the JSON Schema that canonical requests have.

Source: ai.google.dev/api/caching#Schema.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.types import wrong_type
from arouter.dialects.gemini.fields import Json, camel_case
from arouter.errors import invalid_request

_DEEPEST = 64
"""Maximum nesting of a schema; models support far less."""

_COUNTS = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
"""Keywords whose values are 64-bit integers, which protobuf's JSON writes as strings."""

_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_RENAMED = {"defs": "$defs", "ref": "$ref"}
_DROPPED_FORMATS = frozenset({"enum"})
"""Google's own values of `format`."""


def json_schema(schema: Any, path: str, depth: int = 0) -> Json:
    """Returns the JSON Schema of a `Schema`, with its properties in the order of `propertyOrdering`.

    Raises:
        ARouterError: INVALID_REQUEST with the path of what is not a schema.
    """
    if not isinstance(schema, dict):
        raise wrong_type(path, "an object", schema)
    if depth > _DEEPEST:
        raise invalid_request(f"The schema is nested too deeply at '{path[:64]}'.", path)
    members = {
        name if name.startswith("$") else camel_case(name): value for name, value in schema.items() if value is not None
    }
    ordering = members.pop("propertyOrdering", None)
    nullable = members.pop("nullable", False) is True
    found: Json = {}
    for name, value in members.items():
        at = f"{path}.{name}"
        if name == "type":
            if type_ := _type(value, at):
                found["type"] = type_
        elif name == "properties":
            found[name] = {
                key: json_schema(each, f"{at}.{key}", depth + 1) for key, each in _sorted(value, ordering, at)
            }
        elif name in ("defs", "$defs", "definitions"):
            found[_RENAMED.get(name, name)] = {
                key: json_schema(each, f"{at}.{key}", depth + 1) for key, each in _sorted(value, None, at)
            }
        elif name in ("items", "not") or (name == "additionalProperties" and isinstance(value, dict)):
            found[name] = json_schema(value, at, depth + 1)
        elif name in _LISTS and isinstance(value, list):
            found[name] = [json_schema(each, f"{at}[{index}]", depth + 1) for index, each in enumerate(value)]
        elif name in _COUNTS and isinstance(value, str) and value.isascii() and value.isdecimal():
            found[name] = int(value[:20])
        elif name == "example":
            found["examples"] = [value]
        elif not (name == "format" and isinstance(value, str) and value in _DROPPED_FORMATS):
            found[_RENAMED.get(name, name)] = value
    return _nullable(found) if nullable else found


def _type(value: Any, path: str) -> Any:
    if isinstance(value, list):  # JSON Schema
        return [_type(each, path) for each in value]
    if not isinstance(value, str):
        raise wrong_type(path, "a string", value)
    return None if value == "TYPE_UNSPECIFIED" else value.lower()


def _sorted(properties: Any, ordering: Any, path: str) -> list[tuple[str, Any]]:
    if not isinstance(properties, dict):
        raise wrong_type(path, "an object", properties)
    if not isinstance(ordering, list):
        return list(properties.items())
    first = [name for name in dict.fromkeys(each for each in ordering if isinstance(each, str)) if name in properties]
    # The dictionary keeps the first position of each name.
    return [(name, properties[name]) for name in dict.fromkeys([*first, *properties])]


def _nullable(schema: Json) -> Json:
    type_ = schema.get("type")
    if isinstance(type_, str) and type_ != "null":
        schema["type"] = [type_, "null"]
        if isinstance(values := schema.get("enum"), list) and None not in values:
            schema["enum"] = [*values, None]
    elif isinstance(choices := schema.get("anyOf"), list):
        schema["anyOf"] = [*choices, {"type": "null"}]
    return schema
