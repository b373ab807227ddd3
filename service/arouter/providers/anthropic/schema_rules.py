"""The subset of JSON Schema that Claude models support in structured outputs and strict tools.

Source: platform.claude.com, "Structured outputs", JSON Schema limitations (read in November 2026).
"""

from __future__ import annotations

from arouter.providers.json_schema import SchemaRules

RULES = SchemaRules(
    keywords=frozenset(
        {
            "$defs",
            "$ref",
            "additionalProperties",
            "allOf",
            "anyOf",
            "const",
            "default",
            "definitions",
            "description",
            "enum",
            "format",
            "items",
            "minItems",
            "pattern",
            "properties",
            "required",
            "title",
            "type",
        }
    ),
    formats=frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"}),
    closed=True,
    recursive=False,
    max_min_items=1,
)
