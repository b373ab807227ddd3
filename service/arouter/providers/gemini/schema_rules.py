"""The part of JSON Schema that Gemini takes in `responseJsonSchema` and `parametersJsonSchema`.

Source: ai.google.dev, GenerationConfig.responseJsonSchema (read in November 2026). `oneOf` counts as `anyOf`; beside
`$ref` only members that begin with `$` may stand, and the service lets `description` and `default` pass.
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
