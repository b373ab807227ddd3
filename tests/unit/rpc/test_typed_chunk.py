"""Chunks of providers become typed responses that add up to the completion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from unit.rpc.answers import CHUNK, EXTRA_FIELDS

from arouter.client import accumulate
from arouter.rpc.typed.chunk import chunk_to_proto
from arouter.rpc.typed.repair import repaired
from arouter.v1.chat_completion_pb2 import MessageDelta
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT, ROLE_UNSPECIFIED, ChatMessage
from arouter.v1.chat_service_pb2 import StreamChatCompletionResponse
from arouter.v1.chat_tool_pb2 import FunctionCall, ToolCall

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1754000000, "model": "gpt-5.4"}


def chunk(index: int = 0, finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]}


def delta_of(**delta: Any) -> MessageDelta:
    return chunk_to_proto(chunk(**delta)).choices[0].delta


def tool_piece(index: int, arguments: str, **first: str) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": first["name"]} if first else {})}
    call = {"index": index, "function": function, **({"id": first["id"], "type": "function"} if first else {})}
    return chunk(tool_calls=[call])


def test_every_part_of_a_chunk_is_converted() -> None:
    typed = MessageToDict(chunk_to_proto(CHUNK), preserving_proto_field_name=True)

    choice = typed["choices"][0]
    assert typed | {"choices": [], "usage": {}, "moderation": {}} == {
        "id": "chatcmpl-1",
        "created": 1754000000,
        "model": "gpt-5.4",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "obfuscation": "xyz",
        "extra_fields_json": EXTRA_FIELDS["completion"],
        "choices": [],
        "usage": {},
        "moderation": {},
    }
    assert typed["usage"] == CHUNK["usage"]
    assert typed["moderation"]["output"] == {"error": {"code": "timeout", "message": "Too slow."}}
    assert (choice["index"], choice["finish_reason"]) == (1, "tool_calls")
    assert choice["extra_fields_json"] == EXTRA_FIELDS["choice"]
    assert [token["bytes"] for token in choice["logprobs"]["content"]] == ["SGk="]
    assert choice["delta"] == {
        "role": "ROLE_ASSISTANT",
        "content": "Hi",
        "reasoning_content": "Hm.",
        "refusal": "No.",
        "tool_calls": [
            {
                "index": 2,
                "id": "call_1",
                "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                "extra_fields_json": EXTRA_FIELDS["tool_call"],
            },
            {"index": 3, "id": "call_2", "custom": {"name": "sql", "input": "SELECT 1"}},
        ],
        "audio": {"id": "audio_1", "data": "AAAA", "expires_at": 1754003600, "transcript": "Hi"},
        "annotations": [{"url_citation": {"url": "https://example.com", "title": "Example", "end_index": 2}}],
        "function_call": {"name": "weather", "arguments": '{"city": "Paris"}'},
        "extra_fields_json": EXTRA_FIELDS["message"],
    }


def test_repairing_loses_nothing() -> None:
    mended = repaired(CHUNK, StreamChatCompletionResponse.DESCRIPTOR)

    assert chunk_to_proto(mended) == chunk_to_proto(CHUNK)


def test_the_last_chunk_has_usage_and_no_choices() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

    typed = chunk_to_proto({**HEAD, "choices": [], "usage": usage})

    assert not typed.choices
    assert (typed.usage.prompt_tokens, typed.usage.completion_tokens, typed.usage.total_tokens) == (3, 2, 5)
    assert not chunk_to_proto({**chunk(content="Hi"), "usage": None}).HasField("usage")


def test_a_delta_has_only_what_is_new() -> None:
    delta = delta_of(content="", reasoning_content=None, role=None)

    assert delta == MessageDelta(content="")
    assert [field.name for field, _ in delta.ListFields()] == ["content"]
    assert delta_of(role="assistant").role == ROLE_ASSISTANT
    assert delta_of(role="narrator").role == ROLE_UNSPECIFIED
    assert delta_of(reasoning="Hm.").reasoning_content == "Hm."


def test_a_finish_reason_is_set_on_the_last_piece_only() -> None:
    assert not chunk_to_proto(chunk(content="Hi")).choices[0].HasField("finish_reason")
    assert chunk_to_proto(chunk(finish_reason="eos")).choices[0].finish_reason == "eos"


@pytest.mark.parametrize(
    "call",
    [{"function": {"arguments": "{}"}}, {"index": None, "function": {"name": None, "arguments": "{}"}}],
    ids=["without index", "null index"],
)
def test_a_tool_call_without_index_is_the_first(call: dict[str, Any]) -> None:
    piece = delta_of(tool_calls=[call]).tool_calls[0]

    assert piece.index == 0
    assert piece.function == FunctionCall(arguments="{}")


def test_malformed_pieces_do_not_lose_the_text() -> None:
    malformed = chunk(index=0, content="Hi", tool_calls=[{"index": "1", "id": 7, "function": "f"}])

    delta = chunk_to_proto({**malformed, "created": "now"}).choices[0].delta

    assert delta.content == "Hi"
    assert (delta.tool_calls[0].index, delta.tool_calls[0].id) == (1, "7")


def test_texts_of_several_choices_add_up() -> None:
    stream = [
        chunk(role="assistant", content=""),
        chunk(index=1, role="assistant", reasoning_content="Let me "),
        chunk(content="Hel"),
        chunk(index=1, reasoning_content="see."),
        chunk(index=1, content="Bonjour"),
        chunk(content="lo"),
        chunk(finish_reason="stop"),
    ]

    choices = accumulate(map(chunk_to_proto, stream)).choices

    assert {choice.index: choice.message for choice in choices} == {
        0: ChatMessage(role=ROLE_ASSISTANT, content="Hello"),
        1: ChatMessage(role=ROLE_ASSISTANT, content="Bonjour", reasoning_content="Let me see."),
    }


def test_tool_calls_that_arrive_in_turns_add_up() -> None:
    stream = [
        chunk(role="assistant", content=None),
        tool_piece(0, "", id="call_a", name="weather"),
        tool_piece(1, "", id="call_b", name="time"),
        tool_piece(0, '{"city":'),
        tool_piece(1, '{"zone":"CET"}'),
        tool_piece(0, '"Paris"}'),
        chunk(finish_reason="tool_calls"),
    ]

    message = accumulate(map(chunk_to_proto, stream)).choices[0].message

    assert list(message.tool_calls) == [
        ToolCall(id="call_a", function=FunctionCall(name="weather", arguments='{"city":"Paris"}')),
        ToolCall(id="call_b", function=FunctionCall(name="time", arguments='{"zone":"CET"}')),
    ]


def test_the_type_of_a_piece_that_has_no_call_yet_is_not_an_extra_field() -> None:
    pieces = [{"index": 0, "id": "a", "type": "function"}, {"index": 0, "function": {"name": "f", "arguments": "{}"}}]

    message = accumulate(chunk_to_proto(chunk(tool_calls=[piece])) for piece in pieces).choices[0].message

    assert message.tool_calls[0] == ToolCall(id="a", function=FunctionCall(name="f", arguments="{}"))


def test_extra_fields_that_arrive_in_pieces_add_up() -> None:
    opening = {"type": "reasoning.text", "id": "content-0", "format": "anthropic-claude-v1", "index": 0}
    stream = [
        chunk(reasoning_content="17 ", reasoning_details=[{**opening, "text": "17 "}]),
        chunk(reasoning_content="× 23", reasoning_details=[{**opening, "id": None, "text": "× 23"}]),
        chunk(reasoning_details=[{"type": "reasoning.text", "index": 0, "signature": "EqQB"}]),
        chunk(reasoning_details=[{"type": "reasoning.encrypted", "index": 1, "data": "Emw="}], images=[{"url": "a"}]),
        chunk(images=[{"url": "b"}]),
        tool_piece(0, "{", id="call_a", name="weather"),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": "}"}, "extra_content": {"google": {"x": 1}}}]),
        chunk(tool_calls=[{"index": 0, "extra_content": {"google": {"thought_signature": "c2ln"}}}]),
    ]

    message = accumulate(map(chunk_to_proto, stream)).choices[0].message

    assert json.loads(message.extra_fields_json) == {
        "reasoning_details": [
            {**opening, "text": "17 × 23", "signature": "EqQB"},
            {"type": "reasoning.encrypted", "index": 1, "data": "Emw="},
        ],
        "images": [{"url": "a"}, {"url": "b"}],
    }
    assert json.loads(message.tool_calls[0].extra_fields_json) == {
        "extra_content": {"google": {"x": 1, "thought_signature": "c2ln"}}
    }
    assert message.tool_calls[0].function.arguments == "{}"
