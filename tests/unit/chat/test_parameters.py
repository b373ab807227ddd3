"""What `check_body` says about each field: its type, its range, and what is inside it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from unit.rpc.openai_types import object_fields, values

from arouter.chat.parameters import PARAMETERS
from arouter.chat.request import check_body
from arouter.errors import ARouterError, Failure

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM_CALL = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}
SDK_FIELDS = object_fields(CompletionCreateParamsBase)


def body(fields: dict[str, Any]) -> dict[str, Any]:
    return {"model": "a/b", "messages": [USER], **fields}


def refusal(fields: dict[str, Any]) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        check_body(body(fields))
    assert caught.value.failure is Failure.INVALID_REQUEST
    return caught.value


def part(**fields: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "user", "content": [{"type": "text", "text": "x"}, fields]}]}


def call(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "tool_calls": [CALL, {**CALL, **fields}]}]}


def tool(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f"}}, fields]}


def function(**fields: Any) -> dict[str, Any]:
    return tool(type="function", function={"name": "f", **fields})


WRONG: list[tuple[dict[str, Any], str]] = [
    (tool(type=5), "tools[1].type"),
    (tool(type="function"), "tools[1].function"),
    (tool(type="function", function="f"), "tools[1].function"),
    (tool(type="function", function={}), "tools[1].function.name"),
    (function(name=5), "tools[1].function.name"),
    (function(name=""), "tools[1].function.name"),
    (function(description=5), "tools[1].function.description"),
    (function(parameters="{}"), "tools[1].function.parameters"),
    (function(strict="yes"), "tools[1].function.strict"),
    (tool(type="custom"), "tools[1].custom"),
    (tool(type="custom", custom={"name": 5}), "tools[1].custom.name"),
    (tool(type="custom", custom={"name": "f", "format": "text"}), "tools[1].custom.format"),
    ({"tools": ["f"]}, "tools[0]"),
    ({"functions": [{}]}, "functions[0].name"),
    ({"functions": [{"name": "f", "parameters": []}]}, "functions[0].parameters"),
    ({"function_call": {}}, "function_call.name"),
    ({"tool_choice": 5}, "tool_choice"),
    ({"tool_choice": {}}, "tool_choice.type"),
    ({"tool_choice": {"type": 5}}, "tool_choice.type"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
    ({"tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
    ({"tool_choice": {"type": "function", "function": {"name": 5}}}, "tool_choice.function.name"),
    ({"tool_choice": {"type": "custom", "custom": {"name": None}}}, "tool_choice.custom.name"),
    ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": 1}}}, "tool_choice.allowed_tools.mode"),
    ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}}, "tool_choice.allowed_tools.tools"),
    ({"response_format": {}}, "response_format.type"),
    ({"response_format": {"type": 5}}, "response_format.type"),
    ({"response_format": {"type": "json_schema", "json_schema": "x"}}, "response_format.json_schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": 5}}},
        "response_format.json_schema.name",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": []}}},
        "response_format.json_schema.schema",
    ),
    (call(id=5), "messages[0].tool_calls[1].id"),
    (call(id=None), "messages[0].tool_calls[1].id"),
    (call(type=5), "messages[0].tool_calls[1].type"),
    (call(function=None), "messages[0].tool_calls[1].function"),
    (call(function="f"), "messages[0].tool_calls[1].function"),
    (call(function={"arguments": "{}"}), "messages[0].tool_calls[1].function.name"),
    (call(function={"name": 5}), "messages[0].tool_calls[1].function.name"),
    (call(function={"name": "f", "arguments": {}}), "messages[0].tool_calls[1].function.arguments"),
    (call(type="custom", custom={"name": "f", "input": {}}), "messages[0].tool_calls[1].custom.input"),
    ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": [1]}]}, "messages[0].tool_calls[0]"),
    ({"messages": [{"role": "assistant", "function_call": {"name": 5}}]}, "messages[0].function_call.name"),
    ({"messages": [{"role": "assistant", "refusal": 5}]}, "messages[0].refusal"),
    ({"messages": [{"role": "assistant", "audio": {"id": 5}}]}, "messages[0].audio.id"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "tool", "content": "x", "tool_call_id": 5}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "tool", "tool_call_id": "c"}]}, "messages[0].content"),
    ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].name"),
    ({"messages": [{"role": "user", "content": "x", "name": 5}]}, "messages[0].name"),
    (part(type=5), "messages[1].content[1].type"),
    (part(text="x"), "messages[1].content[1].type"),
    (part(type="text"), "messages[1].content[1].text"),
    (part(type="text", text=5), "messages[1].content[1].text"),
    (part(type="refusal", refusal=5), "messages[1].content[1].refusal"),
    (part(type="image_url"), "messages[1].content[1].image_url"),
    (part(type="image_url", image_url=5), "messages[1].content[1].image_url"),
    (part(type="image_url", image_url={}), "messages[1].content[1].image_url.url"),
    (part(type="image_url", image_url={"url": 5}), "messages[1].content[1].image_url.url"),
    (part(type="image_url", image_url={"url": ""}), "messages[1].content[1].image_url.url"),
    (part(type="image_url", image_url={"url": "x", "detail": 5}), "messages[1].content[1].image_url.detail"),
    (part(type="input_audio", input_audio={"format": "wav"}), "messages[1].content[1].input_audio.data"),
    (part(type="input_audio", input_audio={"data": 5}), "messages[1].content[1].input_audio.data"),
    (part(type="input_audio", input_audio={"data": "x", "format": 5}), "messages[1].content[1].input_audio.format"),
    (part(type="file", file="x"), "messages[1].content[1].file"),
    (part(type="file", file={"file_data": 5}), "messages[1].content[1].file.file_data"),
    (part(type="file", file={"file_id": 5}), "messages[1].content[1].file.file_id"),
    (part(type="file", file={"filename": 5}), "messages[1].content[1].file.filename"),
    ({"stop": 5}, "stop"),
    ({"stop": ["a", 5]}, "stop[1]"),
    ({"stop": [None]}, "stop[0]"),
    ({"modalities": ["text", 5]}, "modalities[1]"),
    ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
    ({"stream_options": {"include_obfuscation": 1}}, "stream_options.include_obfuscation"),
    ({"logit_bias": {"5": "x"}}, "logit_bias.5"),
    ({"logit_bias": {"5": True}}, "logit_bias.5"),
    ({"logit_bias": {"1": 1, "5": 101}}, "logit_bias.5"),
    ({"metadata": {"team": 5}}, "metadata.team"),
    ({"audio": {"format": 5}}, "audio.format"),
    ({"audio": {"voice": 5}}, "audio.voice"),
    ({"prediction": {"type": 5}}, "prediction.type"),
    ({"prediction": {"type": "content", "content": 5}}, "prediction.content"),
    ({"web_search_options": {"search_context_size": 5}}, "web_search_options.search_context_size"),
    ({"reasoning": "high"}, "reasoning"),
    ({"reasoning": {"effort": 5}}, "reasoning.effort"),
    ({"reasoning": {"max_tokens": "many"}}, "reasoning.max_tokens"),
    ({"reasoning": {"max_tokens": -1}}, "reasoning.max_tokens"),
    ({"reasoning": {"exclude": "yes"}}, "reasoning.exclude"),
    ({"reasoning": {"enabled": 1}}, "reasoning.enabled"),
    ({"top_k": 1.5}, "top_k"),
    ({"min_p": "x"}, "min_p"),
    ({"top_a": True}, "top_a"),
    ({"repetition_penalty": []}, "repetition_penalty"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG, ids=str)
def test_names_the_path_of_what_is_wrong(fields: dict[str, Any], param: str) -> None:
    error = refusal(fields)

    assert error.param == param
    assert f"'{param}'" in error.message


RANGED = {name: row.kind.range for name, row in PARAMETERS.items() if row.kind.range}


def test_knows_the_documented_ranges() -> None:
    assert {name: tuple(range_) for name, range_ in RANGED.items()} == {
        "frequency_penalty": (-2, 2, False),
        "max_completion_tokens": (1, math.inf, False),
        "max_tokens": (1, math.inf, False),
        "min_p": (0, 1, False),
        "n": (1, 128, False),
        "presence_penalty": (-2, 2, False),
        "repetition_penalty": (0, 2, True),
        "temperature": (0, 2, False),
        "top_a": (0, 1, False),
        "top_k": (-1, math.inf, False),
        "top_logprobs": (0, 20, False),
        "top_p": (0, 1, False),
    }


@pytest.mark.parametrize("name", RANGED)
def test_takes_the_bounds_of_a_range_and_nothing_beyond(name: str) -> None:
    low, high, open_ = RANGED[name]
    step = 1 if PARAMETERS[name].kind.types == (int,) else 0.0001
    inside = [low + step if open_ else low, 2**40 if high == math.inf else high]
    outside = [low if open_ else low - step, *([] if high == math.inf else [high + step])]

    for value in inside:
        check_body(body({name: value}))
    for value in outside:
        assert refusal({name: value}).param == name


def test_no_range_holds_what_is_no_number() -> None:
    assert refusal({"temperature": math.nan}).param == "temperature"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": 3}, "Invalid value for 'temperature': expected a number between 0 and 2, got 3."),
        ({"top_p": -0.5}, "Invalid value for 'top_p': expected a number between 0 and 1, got -0.5."),
        ({"max_tokens": 0}, "Invalid value for 'max_tokens': expected an integer of at least 1, got 0."),
        (
            {"repetition_penalty": 0},
            "Invalid value for 'repetition_penalty': expected a number above 0 and at most 2, got 0.",
        ),
        ({"stop": [{}]}, "Invalid type for 'stop[0]': expected a string, got an object."),
        ({"tools": [{"type": "function"}]}, "Missing required parameter: 'tools[0].function'."),
        ({"model": ""}, "Parameter 'model' must not be empty."),
    ],
)
def test_says_what_is_allowed_and_what_came(fields: dict[str, Any], message: str) -> None:
    assert refusal(fields).message == message


@pytest.mark.parametrize("fields", [{"user": ["sk-secret"]}, {"logit_bias": {"k" * 500: "sk-secret"}}])
def test_does_not_repeat_values_or_long_keys(fields: dict[str, Any]) -> None:
    error = refusal(fields)

    assert "sk-secret" not in error.message
    assert len(error.message) < 200


@pytest.mark.parametrize(
    "fields",
    [
        tool(google_search={}),
        tool(type="web_search_20260318", name="web_search"),
        tool(type="builtin_function", function={"name": "$web_search", "parameters": "any"}),
        {"tools": []},
        {"tool_choice": "any"},
        {"tool_choice": {"type": "tool", "name": "f"}},
        {"response_format": {"type": "grammar", "grammar": 5}},
        {"response_format": {"type": "json_schema", "schema": {}}},
        part(type="video_url", video_url=5),
        part(type="image_url", image_url="https://images.test/a.png"),
        part(type="input_audio", input_audio="QUJD"),
        part(type="input_audio", input_audio={"data": "https://audio.test/a.wav"}),
        part(type="file", file_id="file-1"),
        part(type="text", text=""),
        call(type="x", function=None),
        call(function={"name": "f"}),
        {"messages": [{"role": "assistant", "tool_calls": [CUSTOM_CALL, {**CALL, "type": None}]}]},
        {"messages": [{"role": "assistant"}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "function", "name": "f", "content": None}]},
        {"stop": []},
        {"stop": ["a", "b", "c", "d", "e"]},
        {"metadata": {"team": None}},
        {"logit_bias": {"5": -99.5}},
        {"temperature": 2, "top_p": 0, "top_k": 0, "seed": -(2**63)},
        {"reasoning_effort": "ultra"},
        {"reasoning": {"effort": None, "summary": "auto"}},
        {"unknown": {"a": [1]}},
    ],
    ids=str,
)
def test_leaves_to_the_provider_what_some_provider_takes(fields: dict[str, Any]) -> None:
    check_body(body(fields))


@pytest.mark.parametrize("parameter", sorted(SDK_FIELDS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_whatever_the_sdks_types_allow_is_of_the_right_type(parameter: str, data: st.DataObject) -> None:
    value = data.draw(values(list[str] if parameter == "stop" else SDK_FIELDS[parameter]))
    problem = ""
    try:
        check_body(body({parameter: value}))
    except ARouterError as error:
        problem = error.message

    assert problem == "" or problem.startswith("Invalid value for") or problem.endswith("must not be empty.")
