"""What a member of OpenAI's JSON is called over gRPC."""

from __future__ import annotations

import pytest

from arouter.rpc.typed.paths import typed_path


@pytest.mark.parametrize(
    ("json", "typed"),
    [
        ("temperature", "temperature"),
        ("messages[2].role", "messages[2].role"),
        ("messages[2].content", "messages[2].content"),
        ("messages[0].content[1].image_url.url", "messages[0].content_parts.parts[1].image_url.url"),
        ("messages[0].tool_calls[0].function.arguments", "messages[0].tool_calls[0].function.arguments"),
        ("tools[0].function.parameters", "tools[0].function.parameters_json"),
        ("tools[0].function.parameters.properties.x", "tools[0].function.parameters_json"),
        ("response_format.json_schema.schema", "response_format.json_schema.schema_json"),
        ("prediction.content[0].text", "prediction.content_parts.parts[0].text"),
        ("logit_bias.50256", "logit_bias.50256"),
        ("provider.require_parameters", "provider.require_parameters"),
        ("reasoning.effort", "reasoning.effort"),
        ("stop[1]", "stop[1]"),
        ("messages.0.content", "messages.0.content"),
        ("", ""),
    ],
)
def test_a_member_has_the_name_of_its_field(json: str, typed: str) -> None:
    assert typed_path(json) == typed
    assert typed_path(typed) == typed
