"""Parameters, one by one; whole requests are in the golden files."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from unit.providers.anthropic.requests import (
    ADAPTER,
    ASSISTANT,
    CALLING,
    FABLE_5,
    HAIKU_4_5,
    OPUS_4_5,
    OPUS_4_8,
    OPUS_5_5,
    OTHER,
    RESULT,
    SONNET_4_6,
    SONNET_5,
    SONNET_5_5,
    STRANGER,
    TOOL,
    USER,
    encode,
    refusal,
    text,
)

from arouter.chat.request import ChatRequest
from arouter.providers.anthropic.schema import JSON_INSTRUCTION
from judges.anthropic import faults


@pytest.mark.parametrize(
    ("choice", "parallel", "encoded"),
    [
        (None, None, None),
        ("auto", None, None),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, True, {"type": "tool", "name": "f"}),
        ({"type": "tool", "name": "f"}, False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
        ({"type": "any"}, None, {"type": "any"}),
    ],
)
def test_encodes_the_choice_of_tools(choice: Any, parallel: bool | None, encoded: Any) -> None:
    sent, dropped = encode(tools=[TOOL, OTHER], tool_choice=choice, parallel_tool_calls=parallel)

    assert sent.get("tool_choice") == encoded
    assert [tool["name"] for tool in sent["tools"]] == ["f", "g"]
    assert dropped == ()


def test_allowed_tools_are_the_only_ones_sent() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    sent, _ = encode(tools=[TOOL, OTHER], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})

    assert [tool["name"] for tool in sent["tools"]] == ["g"]
    assert sent["tool_choice"] == {"type": "any"}


def test_a_model_that_cannot_be_forced_chooses_for_itself() -> None:
    sent, dropped = encode(OPUS_5_5, tools=[TOOL], tool_choice="required")

    assert "tool_choice" not in sent
    assert dropped == ("tool_choice",)


def test_a_choice_without_tools_says_nothing() -> None:
    assert "tool_choice" not in encode(tool_choice="none", tools=[])[0]
    assert refusal(tool_choice="required").param == "tool_choice"


def test_passes_a_tool_of_anthropics_that_the_client_runs() -> None:
    bash = {"type": "bash_20250124", "name": "bash"}

    assert encode(tools=[bash])[0]["tools"] == [bash]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [TOOL, {"type": "function"}]}, "tools[1].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning": {"effort": "extreme"}}, "reasoning.effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"max_tokens": True}}, "reasoning.max_tokens"),
        ({"top_k": 1.5}, "top_k"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
    ],
)
def test_refuses_a_parameter_it_cannot_say(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


ADAPTIVE = {"type": "adaptive", "display": "summarized"}
FORCED = {"tools": [TOOL], "tool_choice": "required"}
EFFORT = ("reasoning_effort",)


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("model", "fields", "thinking", "effort", "dropped"),
    [
        (OPUS_5_5, {}, None, None, ()),
        (OPUS_5_5, {"reasoning_effort": "xhigh"}, ADAPTIVE, "xhigh", ()),
        (OPUS_5_5, {"reasoning_effort": "minimal"}, ADAPTIVE, "low", ()),
        (OPUS_5_5, {"reasoning": {"enabled": True}}, ADAPTIVE, None, ()),
        (OPUS_5_5, {"reasoning": {"max_tokens": 4000}}, ADAPTIVE, None, ("reasoning.max_tokens",)),
        (OPUS_5_5, {"reasoning_effort": "none"}, None, "low", ("reasoning_effort",)),
        (SONNET_5_5, {"reasoning": {"enabled": False}}, {"type": "between_tools"}, None, ()),
        (SONNET_5, {"reasoning_effort": "none"}, {"type": "disabled"}, None, ()),
        (FABLE_5, {"reasoning": {"effort": "none"}}, None, "low", ("reasoning",)),
        (OPUS_4_8, {"reasoning_effort": "none"}, None, None, ()),
        (OPUS_4_8, {"reasoning": {"effort": "max", "exclude": True}}, {**ADAPTIVE, "display": "omitted"}, "max", ()),
        (SONNET_4_6, {"reasoning_effort": "xhigh"}, ADAPTIVE, "high", ()),
        (SONNET_4_6, {"reasoning": {"max_tokens": 2000}}, budget(2000), None, ()),
        (OPUS_4_5, {"reasoning_effort": "high"}, budget(25600), "high", ()),
        (HAIKU_4_5, {"reasoning_effort": "medium"}, budget(16000), None, ()),
        (HAIKU_4_5, {"reasoning_effort": "low", "max_tokens": 2000}, budget(1024), None, ()),
        (HAIKU_4_5, {"reasoning_effort": "low", "max_tokens": 1024}, None, None, EFFORT),
        (HAIKU_4_5, {"reasoning": {"max_tokens": 9000}, "max_tokens": 5000}, budget(4999), None, ()),
        (STRANGER, {"reasoning": {"effort": "low", "exclude": True}}, budget(1638), None, ("reasoning.exclude",)),
        (SONNET_4_6, {"reasoning_effort": "low", **FORCED}, None, "low", ()),
        (HAIKU_4_5, {"reasoning_effort": "low", **FORCED}, None, None, EFFORT),
        (SONNET_4_6, {"reasoning": {"effort": "low", "summary": "auto"}}, ADAPTIVE, "low", ("reasoning.summary",)),
        (OPUS_4_8, {"thinking": {"type": "adaptive"}, "reasoning_effort": "low"}, {"type": "adaptive"}, "low", ()),
        (OPUS_4_8, {"output_config": {"effort": "max"}, "reasoning_effort": "low"}, ADAPTIVE, "max", ()),
    ],
)  # fmt: skip
def test_encodes_reasoning_in_the_models_dialect(
    model: str, fields: dict[str, Any], thinking: Any, effort: Any, dropped: tuple[str, ...]
) -> None:
    sent, named = encode(model, **fields)

    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort
    assert named == dropped
    if thinking and "budget_tokens" in thinking:
        assert 1024 <= thinking["budget_tokens"] < sent["max_tokens"]


THINKING_CALL = {
    **CALLING,
    "reasoning_details": [
        {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1"}
    ],
}
LOW = {"reasoning_effort": "low"}


@pytest.mark.parametrize(
    ("model", "fields", "messages", "thinking", "effort", "dropped"),
    [
        (HAIKU_4_5, LOW, [CALLING, RESULT], None, None, EFFORT),
        (HAIKU_4_5, LOW, [CALLING, RESULT, USER], None, None, EFFORT),
        (HAIKU_4_5, LOW, [THINKING_CALL, RESULT], budget(6400), None, ()),
        (HAIKU_4_5, LOW, [THINKING_CALL, RESULT, CALLING, RESULT], budget(6400), None, ()),
        (HAIKU_4_5, LOW, [CALLING, RESULT, ASSISTANT, USER], budget(6400), None, ()),
        (OPUS_4_5, LOW, [CALLING, RESULT], None, "low", ()),
        (SONNET_4_6, LOW, [CALLING, RESULT], ADAPTIVE, "low", ()),
        (SONNET_4_6, {"reasoning": {"max_tokens": 2000}}, [CALLING, RESULT], None, None, ("reasoning",)),
        (STRANGER, LOW, [CALLING, RESULT], budget(1638), None, ()),
        (HAIKU_4_5, {"thinking": budget(2000)}, [CALLING, RESULT], budget(2000), None, ()),
    ],
)
def test_a_model_does_not_begin_to_think_amid_its_calls(
    model: str, fields: dict[str, Any], messages: Any, thinking: Any, effort: Any, dropped: tuple[str, ...]
) -> None:
    """Where it takes a budget: Anthropic refuses that if the calls came without the thoughts that led to them."""
    sent, named = encode(model, messages=[USER, *messages], tools=[TOOL], **fields)

    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort
    assert named == dropped


@pytest.mark.parametrize(
    ("model", "fields", "limit"),
    [
        (OPUS_5_5, {}, 32_000),
        (STRANGER, {}, 8_192),
        ("claude-3-haiku-20240307", {}, 4_096),
        (OPUS_5_5, {"max_tokens": 5, "max_completion_tokens": 7}, 7),
        (HAIKU_4_5, {"reasoning": {"max_tokens": 40_000}}, 72_000),
    ],
)
def test_always_sets_a_limit(model: str, fields: dict[str, Any], limit: int) -> None:
    assert encode(model, **fields)[0]["max_tokens"] == limit


@pytest.mark.parametrize(
    ("model", "fields", "sent", "dropped"),
    [
        (SONNET_4_6, {"temperature": 0, "top_k": 5}, {"temperature": 0, "top_k": 5}, ()),
        (SONNET_4_6, {"temperature": 1.0, "top_p": 1}, {}, ()),
        (SONNET_4_6, {"temperature": 1.5}, {"temperature": 1}, ("temperature",)),
        (SONNET_4_6, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, ("top_p",)),
        (SONNET_4_6, {"temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low"}, {}, ("temperature", "top_p")),
        (SONNET_4_6, {"top_p": 0.97, "reasoning_effort": "low"}, {"top_p": 0.97}, ()),
        ("claude-sonnet-4-0", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, ()),
        (OPUS_5_5, {"temperature": 0.5, "top_p": 0.9, "top_k": 3}, {}, ("temperature", "top_p", "top_k")),
        (OPUS_5_5, {"temperature": 1, "top_p": 1, "top_k": 0}, {}, ()),
        (STRANGER, {"temperature": 1, "top_p": 0.5, "top_k": 0}, {"temperature": 1, "top_p": 0.5, "top_k": 0}, ()),
    ],
)
def test_sends_the_sampling_that_the_model_takes(
    model: str, fields: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    body, named = encode(model, **fields)

    assert {field: body[field] for field in ("temperature", "top_p", "top_k") if field in body} == sent
    assert named == dropped


@pytest.mark.parametrize(
    ("fields", "sent", "dropped"),
    [
        ({"stop": "END"}, {"stop_sequences": ["END"]}, ()),
        ({"stop": ["\n", "END"]}, {"stop_sequences": ["END"]}, ("stop",)),
        ({"stop": "\n"}, {}, ("stop",)),
        ({"stop": []}, {}, ()),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}, ()),
        ({"safety_identifier": "s"}, {"metadata": {"user_id": "s"}}, ()),
        ({"user": "u", "safety_identifier": "s"}, {"metadata": {"user_id": "u"}}, ("safety_identifier",)),
        ({"metadata": {"user_id": "m", "run": "7"}}, {"metadata": {"user_id": "m"}}, ("metadata",)),
        ({"service_tier": "auto"}, {"service_tier": "auto"}, ()),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}, ()),
        ({"service_tier": "flex"}, {}, ("service_tier",)),
        ({"inference_geo": "us", "speed": "fast"}, {"inference_geo": "us", "speed": "fast"}, ()),
        ({"seed": 0, "logit_bias": {"1": 1}, "min_p": 0.1}, {}, ("seed", "logit_bias", "min_p")),
        ({"frequency_penalty": 0, "logprobs": False, "modalities": ["text"], "store": None}, {}, ()),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x"}}, {}, ("modalities", "audio")),
        ({"n": 1, "models": ["a/b"], "provider": {"order": []}, "stream_options": None}, {}, ()),
        ({"some_vendors": {"field": 1}, "verbosity": "low"}, {}, ("some_vendors", "verbosity")),
    ],
)
def test_translates_passes_or_names_every_parameter(
    fields: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    body, named = encode(**fields)

    assert {field: value for field, value in body.items() if field not in ("model", "max_tokens", "messages")} == sent
    assert named == dropped


def test_adapts_a_schema_without_letting_more_pass() -> None:
    schema = {
        "type": "object",
        "properties": {
            "z": {"oneOf": [{"type": "string", "maxLength": 3}, {"$ref": "#/$defs/n"}]},
            "a": {"type": "array", "minItems": 2, "items": {"type": "object", "properties": {"x": {}}}},
            "minimum": {"type": "integer", "description": "Least.", "minimum": 0},
        },
        "$defs": {"n": {"type": "array", "minItems": 1, "uniqueItems": True}},
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}

    body = {"model": "m", "messages": [USER], "response_format": wanted}
    wire = ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), SONNET_4_6)

    sent = orjson.loads(wire.body)
    assert faults(sent) == []
    assert sent["output_config"]["format"]["schema"] == {
        "type": "object",
        "properties": {
            "z": {"anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"$ref": "#/$defs/n"}]},
            "a": {
                "type": "array",
                "items": {"type": "object", "properties": {"x": {}}, "additionalProperties": False},
                "description": "{minItems: 2}",
            },
            "minimum": {"type": "integer", "description": "Least.\n\n{minimum: 0}"},
        },
        "$defs": {"n": {"type": "array", "minItems": 1, "description": "{uniqueItems: true}"}},
        "additionalProperties": False,
    }
    assert wire.dropped == ("response_format.json_schema.schema",)
    assert wire.body.index(b'"z"') < wire.body.index(b'"a"')


def test_a_strict_schema_is_sent_as_it_is() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": False}

    sent, dropped = encode(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})

    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert dropped == ()


def test_json_mode_is_a_wish() -> None:
    sent, dropped = encode(
        messages=[{"role": "system", "content": "Be brief."}, USER], response_format={"type": "json_object"}
    )

    assert sent["system"] == [text("Be brief."), text(JSON_INSTRUCTION)]
    assert dropped == ("response_format",)


def test_refuses_what_is_nested_too_deeply() -> None:
    schema: dict[str, Any] = {}
    deep: Any = []
    for _ in range(300):
        schema, deep = {"items": schema}, [deep]

    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert refusal(response_format=wanted).param == "response_format.json_schema.schema"
    refusal(container=deep)
    schema = {"type": "integer", "minimum": deep}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert refusal(response_format=wanted).param == "response_format.json_schema.schema"
