"""Typed requests become the JSON that the REST door would have received."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from unit.rpc.openai_types import JSON, TEXT, object_fields, values
from unit.rpc.typed_builder import typed_request

from arouter.errors import ARouterError, Failure
from arouter.rpc.typed.request import request_to_dict
from arouter.v1.chat_message_pb2 import (
    ROLE_ASSISTANT,
    ROLE_FUNCTION,
    ROLE_USER,
    Annotation,
    Audio,
    ChatMessage,
    UrlCitation,
)
from arouter.v1.chat_service_pb2 import ChatCompletionRequest

HELLO = {"role": "user", "content": "Hello"}
PARAMETERS = object_fields(CompletionCreateParamsBase)


def request(**fields: Any) -> ChatCompletionRequest:
    return ChatCompletionRequest(model="openai/gpt-5.4", messages=[{"role": ROLE_USER, "content": "Hello"}], **fields)


def refusal(typed: ChatCompletionRequest) -> ARouterError:
    with pytest.raises(ARouterError) as raised:
        request_to_dict(typed)
    assert raised.value.failure is Failure.INVALID_REQUEST
    return raised.value


@pytest.mark.parametrize("parameter", sorted(PARAMETERS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_parameter_of_the_sdk_comes_back_as_it_was(parameter: str, data: st.DataObject) -> None:
    annotation = list[str] if parameter == "stop" else PARAMETERS[parameter]
    value = data.draw(values(annotation).filter(lambda drawn: drawn or parameter != "model"))
    body = {"model": "openai/gpt-5.4", "messages": [HELLO], parameter: value}

    assert request_to_dict(typed_request(body)) == body


@settings(deadline=None)
@given(schema=st.dictionaries(TEXT, JSON))
def test_the_key_order_of_schemas_is_kept(schema: dict[str, Any]) -> None:
    function = {"type": "function", "function": {"name": "f", "parameters": schema}}
    answer = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}

    body = request_to_dict(typed_request({"tools": [function], "response_format": answer}))

    expected = orjson.dumps(schema)
    assert orjson.dumps(body["tools"][0]["function"]["parameters"]) == expected
    assert orjson.dumps(body["response_format"]["json_schema"]["schema"]) == expected


@pytest.mark.parametrize(
    "field",
    [
        {"temperature": 0.0},
        {"n": 0},
        {"seed": 2**62},
        {"parallel_tool_calls": False},
        {"user": ""},
        {"logprobs": False, "top_logprobs": 0},
        {"store": False},
        {"stream_options": {}},
        {"stream_options": {"include_usage": False}},
        {"web_search_options": {"user_location": {"type": "approximate", "approximate": {}}}},
        {"moderation": {"model": "omni-moderation-latest", "policy": {}}},
        {"response_format": {"type": "text"}},
        {"tools": [{"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}}]},
        {"messages": [{"role": "assistant", "content": "", "refusal": ""}]},
        {"messages": [{"role": "assistant", "reasoning_content": "Hm.", "content": "Yes."}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "tool", "tool_call_id": "call_1", "content": ""}]},
        {"messages": [{"role": "function", "name": "f", "content": None}]},
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}],
                }
            ]
        },
    ],
    ids=str,
)
def test_what_is_set_to_zero_or_empty_is_sent(field: dict[str, Any]) -> None:
    assert request_to_dict(typed_request(field)) == field


def test_what_is_not_set_is_not_sent() -> None:
    assert request_to_dict(request()) == {"model": "openai/gpt-5.4", "messages": [HELLO]}
    assert request_to_dict(ChatCompletionRequest()) == {}


def test_the_json_is_plain() -> None:
    body = {
        "messages": [HELLO],
        "stop": ["\n"],
        "modalities": ["text"],
        "metadata": {"team": "search"},
        "logit_bias": {"50256": -100},
    }

    assert orjson.loads(orjson.dumps(request_to_dict(typed_request(body)))) == body


def test_output_only_fields_of_a_message_are_not_sent_back() -> None:
    message = ChatMessage(
        role=ROLE_ASSISTANT,
        content="Rain, says the web.",
        audio=Audio(id="audio_1", data="AAAA", expires_at=1, transcript="Rain"),
        annotations=[Annotation(url_citation=UrlCitation(url="https://example.com"))],
    )

    body = request_to_dict(ChatCompletionRequest(messages=[message]))

    assert body["messages"] == [{"role": "assistant", "content": "Rain, says the web.", "audio": {"id": "audio_1"}}]


def test_an_empty_plugin_is_named() -> None:
    assert refusal(request(plugins=[{"auto_router": {}}, {}])).param == "plugins[1]"


def test_extra_body_is_merged_at_the_top_level() -> None:
    body = request_to_dict(request(extra_body='{"top_k": 40, "provider": {"order": ["groq"]}, "stop": null}'))

    assert body == {
        "model": "openai/gpt-5.4",
        "messages": [HELLO],
        "top_k": 40,
        "provider": {"order": ["groq"]},
        "stop": None,
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"temperature": 1, "model": "x", "top_k": 1}', ["'model'", "'temperature'"]),
        ('{"stream": true}', ["'stream'"]),
        ('{"stream": false}', ["'stream'"]),
        ('["top_k"]', ["JSON object"]),
        ("null", ["JSON object"]),
        ("{top_k: 1}", ["not valid JSON"]),
        ("  ", ["not valid JSON"]),
    ],
)
def test_a_wrong_extra_body_is_refused(text: str, named: list[str]) -> None:
    error = refusal(request(temperature=0.5, extra_body=text))

    assert error.param == "extra_body"
    assert all(word in error.message for word in named)
    assert "top_k'" not in error.message


_CALL = {"id": "call_1"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": 99, "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": ROLE_USER, "content": "Hi"}, {"role": ROLE_USER}]}, "messages[1].content"),
        (
            {"messages": [{"role": ROLE_USER, "content_parts": {"parts": [{"text": "a"}, {}]}}]},
            "messages[0].content_parts.parts[1]",
        ),
        ({"messages": [{"role": ROLE_ASSISTANT, "tool_calls": [_CALL]}]}, "messages[0].tool_calls[0]"),
        ({"tools": [{"function": {"name": "f"}}, {}]}, "tools[1]"),
        ({"tools": [{"extra_fields_json": "{}"}]}, "tools[0]"),
        ({"tools": [{"function": {"parameters_json": "{"}}]}, "tools[0].function.parameters_json"),
        ({"tools": [{"function": {"parameters_json": "[]"}}]}, "tools[0].function.parameters_json"),
        ({"tools": [{"custom": {"name": "c", "format": {}}}]}, "tools[0].custom.format"),
        ({"functions": [{"parameters_json": "true"}]}, "functions[0].parameters_json"),
        ({"tool_choice": {}}, "tool_choice"),
        ({"tool_choice": {"mode": 0}}, "tool_choice.mode"),
        ({"tool_choice": {"allowed_tools": {}}}, "tool_choice.allowed_tools.mode"),
        ({"tool_choice": {"allowed_tools": {"mode": 2, "tools": [{}]}}}, "tool_choice.allowed_tools.tools[0]"),
        ({"function_call": {}}, "function_call"),
        ({"function_call": {"mode": 9}}, "function_call.mode"),
        ({"response_format": {}}, "response_format"),
        ({"response_format": {"json_schema": {"schema_json": "nope"}}}, "response_format.json_schema.schema_json"),
        ({"audio": {"format": "wav"}}, "audio.voice"),
        ({"prediction": {}}, "prediction.content"),
        ({"prediction": {"content_parts": {"parts": [{}]}}}, "prediction.content_parts.parts[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_json_cannot_say_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    error = refusal(ChatCompletionRequest(**fields))

    assert error.param == param
    assert f"'{param}'" in error.message


def test_the_refusal_of_an_empty_union_names_the_choices() -> None:
    assert "text, json_object, json_schema" in refusal(request(response_format={})).message


def test_the_content_of_a_function_may_be_null() -> None:
    typed = ChatCompletionRequest(messages=[{"role": ROLE_FUNCTION, "name": "f"}])

    assert request_to_dict(typed)["messages"] == [{"role": "function", "name": "f", "content": None}]
