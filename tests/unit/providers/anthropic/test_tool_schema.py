"""Schemas of tools without alternatives at their top."""

from __future__ import annotations

from typing import Any

from arouter.providers.anthropic.tool_schema import plain_object

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}


def plain(schema: Json) -> tuple[Json, bool]:
    return plain_object({"type": "object", **schema}, "tools[0].function.parameters")


def test_a_schema_without_alternatives_is_the_same_one() -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [TEXT, NUMBER]}}}

    assert plain_object(schema, "p") == (schema, False)
    assert plain_object(schema, "p")[0] is schema


def test_alternatives_are_all_properties_and_what_each_requires() -> None:
    schema, weaker = plain(
        {
            "description": "Attach.",
            "properties": {"id": TEXT},
            "required": ["id"],
            "oneOf": [
                {"properties": {"content": TEXT, "n": NUMBER}, "required": ["content", "n"]},
                {"properties": {"url": TEXT, "n": NUMBER}, "required": ["n", "url"]},
            ],
        }
    )

    assert weaker
    assert schema["properties"] == {"id": TEXT, "content": TEXT, "n": NUMBER, "url": TEXT}
    assert schema["required"] == ["id", "n"]
    assert schema["description"].startswith('Attach.\n\n{"oneOf":[{"properties"')
    assert not {"anyOf", "oneOf", "allOf"} & schema.keys()


def test_alternatives_that_only_require_leave_the_properties() -> None:
    schema, weaker = plain({"properties": {"a": TEXT, "b": TEXT}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})

    assert weaker
    assert schema["properties"] == {"a": TEXT, "b": TEXT}
    assert "required" not in schema


def test_all_of_is_said_in_full() -> None:
    parts = [{"properties": {"a": TEXT}, "required": ["a"]}, {"$ref": "#/$defs/B"}]
    schema, weaker = plain({"allOf": parts, "$defs": {"B": {"properties": {"b": NUMBER}, "required": ["b"]}}})

    assert not weaker
    assert schema["properties"] == {"a": TEXT, "b": NUMBER}
    assert schema["required"] == ["a", "b"]


def test_a_property_that_differs_is_either() -> None:
    schema, _ = plain({"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"a": NUMBER}}]})

    assert schema["properties"] == {"a": {"anyOf": [TEXT, NUMBER]}}


def test_a_schema_that_leads_back_to_itself_ends() -> None:
    schema, weaker = plain({"anyOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}})

    assert weaker
    assert not {"anyOf", "$ref"} & schema.keys()


def test_nonsense_is_left_out() -> None:
    schema, _ = plain({"anyOf": "x", "oneOf": [1], "allOf": [None], "required": "y"})

    assert not {"anyOf", "oneOf", "allOf"} & schema.keys()
