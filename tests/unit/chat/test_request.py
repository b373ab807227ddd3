"""What `parse_chat_request` accepts, and how it names what it does not."""

from __future__ import annotations

from typing import Any, get_type_hints

import orjson
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from arouter.chat.parameters import PARAMETERS
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.request import MAX_BODY_BYTES, parse_chat_request
from arouter.errors import ARouterError, Failure

HELLO = [{"role": "user", "content": "hello"}]


def parse_failure(body: bytes | dict[str, Any]) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        parse_chat_request(body if isinstance(body, bytes) else orjson.dumps(body))
    return caught.value


def test_keeps_every_field_and_the_order_of_keys() -> None:
    text = b'{"zeta":1,"model":"a/b","messages":[{"content":"hi","role":"user","x":[1.5,null]}],"alpha":{"b":1,"a":2}}'

    request = parse_chat_request(text)

    assert orjson.dumps(request.body) == text
    assert (request.stream, request.include_usage) == (False, False)


@pytest.mark.parametrize(
    ("fields", "stream", "include_usage"),
    [
        ({"stream": True}, True, False),
        ({"stream": None}, False, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
        ({"stream": True, "stream_options": None}, True, False),
        ({"stream": True, "stream_options": {"include_usage": None}}, True, False),
    ],
)
def test_reads_how_the_answer_is_wanted(fields: dict[str, Any], stream: bool, include_usage: bool) -> None:
    request = parse_chat_request(orjson.dumps({"model": "a/b", "messages": HELLO, **fields}))

    assert (request.stream, request.include_usage) == (stream, include_usage)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no body"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"model": "\x00"}', "not valid JSON"),
        (b'{"model": NaN}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "must be a JSON object, not an array"),
        (b"null", "must be a JSON object, not null"),
        (b'"text"', "must be a JSON object, not a string"),
    ],
)
def test_refuses_what_is_no_json_object(body: bytes, said: str) -> None:
    error = parse_failure(body)

    assert error.failure is Failure.INVALID_REQUEST
    assert said in error.message


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [*HELLO, {"content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": 1, "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": {"text": "x"}}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"tools": {}}, "tools"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": True}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ],
)
def test_names_the_field_at_fault(change: dict[str, Any], param: str) -> None:
    error = parse_failure({"model": "a/b", "messages": HELLO, **change})

    assert error.failure is Failure.INVALID_REQUEST
    assert error.param == param
    assert f"'{param}'" in error.message


def test_says_that_the_messages_are_missing() -> None:
    assert parse_failure({"model": "a/b"}).message == "Missing required parameter: 'messages'."


def test_accepts_null_for_every_optional_field() -> None:
    optional = dict.fromkeys(PARAMETERS.keys() - {"messages"})

    request = parse_chat_request(orjson.dumps({**optional, "messages": HELLO}))

    assert request.stream is False


def test_refuses_a_body_over_the_limit() -> None:
    assert parse_failure(b" " * (MAX_BODY_BYTES + 1)).failure is Failure.PAYLOAD_TOO_LARGE


def test_passes_a_nul_in_a_text_on() -> None:
    request = parse_chat_request(b'{"model":"a/b","messages":[{"role":"user","content":"a\\u0000b"}]}')

    assert request.body["messages"][0]["content"] == "a\0b"


def test_knows_the_type_of_every_field_of_the_official_sdk() -> None:
    assert {name for name, row in PARAMETERS.items() if not row.extension} == {
        *get_type_hints(CompletionCreateParamsBase),
        "stream",
        *ROUTER_FIELDS,
    }
