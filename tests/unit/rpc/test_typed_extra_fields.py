"""What has no typed field goes through as text: merged into requests, collected from answers."""

from __future__ import annotations

from typing import Any

import pytest
from unit.rpc.answers import COMPLETION, EXTRA_FIELDS, SIGNED
from unit.rpc.typed_builder import typed_request

from arouter.errors import ARouterError, Failure
from arouter.rpc.typed.request import request_to_dict
from arouter.rpc.typed.response import completion_to_proto
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT, ROLE_USER, ChatMessage
from arouter.v1.chat_service_pb2 import ChatCompletionRequest
from arouter.v1.chat_tool_pb2 import FunctionCall, ToolCall

_MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
_THOUGHTS = {"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "EqQB+/=="}]}
_LOOK = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
_SIGNED = {"extra_content": SIGNED}


@pytest.mark.parametrize(
    "field",
    [
        {"messages": [{"role": "system", "content": "Hi", **_MARK}]},
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": "", "is_error": True}]},
        {"messages": [{"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", **_THOUGHTS}]},
        {"messages": [{"role": "assistant", "tool_calls": [{**_LOOK, **_SIGNED}, _LOOK]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{**_LOOK, "type": "builtin"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "mcp", "mcp": {}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", **_MARK}]}]},
        {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "u"}, **_MARK}]}]},
        {"tools": [{"type": "function", "function": {"name": "f"}, **_MARK}]},
        {"tools": [{"type": "custom", "custom": {"name": "f"}, **_MARK}]},
        {"tools": [{"google_search": {}}, {"type": "bash_20250124", "name": "bash"}]},
    ],
    ids=str,
)
def test_extra_fields_are_merged_where_they_belong(field: dict[str, Any]) -> None:
    assert request_to_dict(typed_request(field)) == field


def test_extra_fields_may_be_what_a_message_lacks() -> None:
    typed = ChatCompletionRequest(
        messages=[
            {"role": ROLE_USER, "extra_fields_json": '{"content": "Hello"}'},
            {"role": ROLE_ASSISTANT, "extra_fields_json": '{"content": null}'},
            {"role": ROLE_ASSISTANT, "extra_fields_json": "{}"},
        ]
    )

    expected = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": None}, {"role": "assistant"}]
    assert request_to_dict(typed)["messages"] == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ("{", "not valid JSON"),
        (" ", "not valid JSON"),
        ('{"SET": 1, "other": 1}', "'SET'"),
    ],
)
@pytest.mark.parametrize(
    ("build", "param", "set_"),
    [
        (lambda extra: {"messages": [{"role": ROLE_USER, "content": "a", **extra}]}, "messages[0]", "role"),
        (
            lambda extra: {"messages": [{"role": ROLE_USER, "content_parts": {"parts": [{"text": "a", **extra}]}}]},
            "messages[0].content_parts.parts[0]",
            "text",
        ),
        (
            lambda extra: {"messages": [{"role": ROLE_USER, "content_parts": {"parts": [{"text": "a"}]}, **extra}]},
            "messages[0]",
            "content",
        ),
        (
            lambda extra: {"messages": [{"role": ROLE_ASSISTANT, "tool_calls": [{"custom": {}, **extra}]}]},
            "messages[0].tool_calls[0]",
            "custom",
        ),
        (
            lambda extra: {"messages": [{"role": ROLE_ASSISTANT, "tool_calls": [{"function": {}, **extra}]}]},
            "messages[0].tool_calls[0]",
            "id",
        ),
        (lambda extra: {"tools": [{"function": {"name": "f"}, **extra}]}, "tools[0]", "function"),
    ],
    ids=["message", "part", "content in parts", "custom call", "call", "tool"],
)
def test_wrong_extra_fields_are_refused_by_their_path(build: Any, param: str, set_: str, text: str, named: str) -> None:
    with pytest.raises(ARouterError) as raised:
        request_to_dict(ChatCompletionRequest(**build({"extra_fields_json": text.replace("SET", set_)})))

    error = raised.value
    assert error.failure is Failure.INVALID_REQUEST
    assert error.param == f"{param}.extra_fields_json"
    assert f"'{param}.extra_fields_json'" in error.message
    assert named.replace("SET", set_) in error.message
    assert "other" not in error.message


@pytest.mark.parametrize("sample", [COMPLETION, {**COMPLETION, "id": 1}], ids=["as it is", "repaired"])
def test_a_message_of_a_response_is_sent_back_as_the_provider_sent_it(sample: dict[str, Any]) -> None:
    response = completion_to_proto(sample)

    [sent] = request_to_dict(ChatCompletionRequest(messages=[response.choices[0].message]))["messages"]

    received = sample["choices"][0]["message"]
    output_only = {"audio": {"id": "audio_1"}, "annotations": None}
    assert sent | output_only == received | output_only
    assert "annotations" not in sent


def message_of(**message: Any) -> ChatMessage:
    return completion_to_proto({"choices": [{"index": 0, "message": message}]}).choices[0].message


def test_extra_fields_keep_the_order_and_the_nulls_that_are_inside() -> None:
    message = message_of(content="Hi", zebra={"b": None, "a": [1, 2.5]}, apple="ß", name=None, audio_tokens=None)

    assert message.extra_fields_json == '{"zebra":{"b":null,"a":[1,2.5]},"apple":"ß"}'


@pytest.mark.parametrize(
    "call",
    [
        {"id": "c", "type": "function", "function": {}, "index": 0},
        {"id": "c", "type": None, "custom": {}, "extra_content": None},
        {"id": "c", "type": "function"},
        {"id": "c", "type": ""},
    ],
    ids=str,
)
def test_what_needs_no_field_is_not_an_extra_field(call: dict[str, Any]) -> None:
    message = message_of(content="Hi", reasoning="Hm.", tool_calls=[call])

    assert not message.extra_fields_json
    assert not message.tool_calls[0].extra_fields_json


def test_a_call_of_another_type_is_kept_whole() -> None:
    calls = [{"id": "a", "type": "builtin", "function": {"name": "f"}}, {"id": "b", "type": "mcp", "mcp": {"n": 1}}]

    typed = message_of(tool_calls=calls).tool_calls

    assert typed[0] == ToolCall(id="a", function=FunctionCall(name="f"), extra_fields_json='{"type":"builtin"}')
    assert typed[1] == ToolCall(id="b", extra_fields_json='{"type":"mcp","mcp":{"n":1}}')


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize("depth", [250, 251, 252, 253, 254, 255, 256, 400])
def test_extra_fields_that_cannot_be_written_are_left_out(depth: int) -> None:
    message = message_of(content="Hi", deep=nested(depth), flat=1)

    assert message.content == "Hi"
    assert message.extra_fields_json.endswith('"flat":1}')
    assert ("deep" in message.extra_fields_json) == (depth < 254)


def test_extra_fields_survive_what_is_malformed_beside_them() -> None:
    call = {"id": 7, "type": ["x"], "function": {"name": "f", "arguments": {}}, "extra_content": SIGNED}

    message = message_of(content=["?"], reasoning={}, details=[{"a": [1]}], tool_calls=[call])

    assert message.extra_fields_json == '{"details":[{"a":[1]}]}'
    assert message.tool_calls[0].extra_fields_json == EXTRA_FIELDS["tool_call"]
