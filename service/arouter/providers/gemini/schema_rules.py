"""The subset of JSON Schema that Gemini supports in `responseJsonSchema` and `parametersJsonSchema`.

Source: ai.google.dev, GenerationConfig.responseJsonSchema (read in November 2026). `oneOf` is treated as `anyOf`; only
members that start with `$` are documented beside `$ref`, but the service also accepts `description` and `default`.
"""

from __future__ import annotations

from arouter.providers.json_schema import SchemaRules

RULES = SchemaRules(
    keywords=frozenset(
        {
            "$anchor",
            "$defs",
            "$id",
            "$ref",
            "additionalProperties",
            "anyOf",
            "default",
            "description",
            "enum",
            "format",
            "items",
            "maxItems",
            "maximum",
            "minItems",
            "minimum",
            "oneOf",
            "prefixItems",
            "properties",
            "propertyOrdering",
            "required",
            "title",
            "type",
        }
    ),
    bare_ref=True,
    enum_types=(str, int, float),
)
