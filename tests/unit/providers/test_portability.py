"""Ids, names and members that stand in a conversation because it began at another provider."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError
from arouter.providers.adapter import WireRequest
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.presets import PRESETS
from arouter.providers.tool_ids import ANTHROPIC, MISTRAL, OPENAI, IdFormat, portable_ids
from arouter.providers.tool_names import restore_names

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "hi"}


def calling(*ids: str, name: str = "read") -> Json:
    made = [{"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}} for id_ in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(id_: str, content: str = "r") -> Json:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def encode(id_: str, messages: list[Json], **more: Any) -> tuple[Json, WireRequest]:
    request = ChatRequest({"model": "m", "messages": messages, **more}, stream=False, include_usage=False)
    before = orjson.dumps(request.body)
    wire = OpenAIAdapter(PRESETS[id_].quirks).encode(request, "m")
    assert orjson.dumps(request.body) == before
    assert wire.body is not None
    return orjson.loads(wire.body), wire


def ids_of(messages: list[Json]) -> list[str]:
    return [
        id_
        for message in messages
        for id_ in ([call["id"] for call in message.get("tool_calls", ())] or [message.get("tool_call_id")])
        if id_
    ]


def test_mistral_gets_ids_of_nine_letters_and_digits() -> None:
    body, _ = encode(
        "mistralai", [USER, calling("call_b4a41f4fba5d8e2963a7b4d5"), result("call_b4a41f4fba5d8e2963a7b4d5")]
    )

    call, answer = ids_of(body["messages"])
    assert re.fullmatch("[a-zA-Z0-9]{9}", call)
    assert answer == call


def test_an_id_that_fits_stays() -> None:
    body, _ = encode("mistralai", [USER, calling("abcdefg12"), result("abcdefg12")])

    assert ids_of(body["messages"]) == ["abcdefg12"] * 2


@pytest.mark.parametrize("format_", [MISTRAL, ANTHROPIC, OPENAI])
@given(turns=st.lists(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=3), max_size=6))
def test_ids_fit_are_distinct_and_belong_to_their_results(format_: IdFormat, turns: list[list[str]]) -> None:
    messages = [USER]
    for ids in turns:
        messages += [calling(*ids), *(result(id_, str(place)) for place, id_ in enumerate(ids))]

    sent = portable_ids(messages, format_)

    calls = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    assert all(format_.fits(id_) for id_ in calls)
    assert len(set(calls)) == len(calls)
    assert [message["tool_call_id"] for message in sent if message["role"] == "tool"] == calls
    # The same each turn: what a shorter conversation was sent begins the longer one.
    for length in range(len(messages)):
        assert portable_ids(messages[:length], format_) == sent[:length]


def test_names_that_are_refused_are_sent_under_others_and_come_back() -> None:
    tool = {"type": "function", "function": {"name": "mcp.server/read file", "parameters": {}}}
    choice = {"type": "function", "function": {"name": "mcp.server/read file"}}

    body, wire = encode(
        "openai", [USER, calling("a", name="mcp.server/read file"), result("a")], tools=[tool], tool_choice=choice
    )

    name = body["tools"][0]["function"]["name"]
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", name)
    assert body["tool_choice"]["function"]["name"] == name
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == name
    answer = [{"message": calling("b", name=name)}, {"message": {"function_call": {"name": name}}}]
    restore_names(answer, "message", wire.names)
    assert answer[0]["message"]["tool_calls"][0]["function"]["name"] == "mcp.server/read file"
    assert answer[1]["message"]["function_call"]["name"] == "mcp.server/read file"


def test_names_that_differ_stay_different() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a.b", "a/b", "x" * 80, "x" * 81, "a_b")]

    body, _ = encode("openai", [USER], tools=tools)

    assert len({tool["function"]["name"] for tool in body["tools"]}) == 5
    assert body["tools"][4]["function"]["name"] == "a_b"


FOREIGN: list[Json] = [
    {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
    {
        **calling("a"),
        "annotations": [{"type": "url_citation"}],
        "reasoning_details": [{"type": "reasoning.text"}],
        "refusal": None,
        "extra_content": {"google": {"thought_signature": "s"}},
    },
    {**result("a"), "cache_control": {"type": "ephemeral"}},
]


@pytest.mark.parametrize("id_", ["groq", "mistralai", "cerebras", "deepseek", "openai", "azure", "x-ai", "together"])
def test_members_of_other_vendors_are_taken_out_and_named(id_: str) -> None:
    tool = {"type": "function", "function": {"name": "read"}, "cache_control": {"type": "ephemeral"}}

    body, wire = encode(id_, FOREIGN, tools=[tool])

    text = orjson.dumps(body)
    for member in (b"cache_control", b"annotations", b"reasoning_details", b"extra_content"):
        assert member not in text
    assert set(wire.dropped) == {
        "messages[].annotations",
        "messages[].cache_control",
        "messages[].content[].cache_control",
        "messages[].extra_content",
        "messages[].reasoning_details",
        "tools[].cache_control",
    }
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "read", "arguments": "{}"}


def test_a_vendor_gets_the_members_that_it_takes() -> None:
    body, wire = encode("openrouter", FOREIGN)

    assert body["messages"][0] == FOREIGN[0]
    assert body["messages"][1]["reasoning_details"] == FOREIGN[1]["reasoning_details"]
    assert wire.dropped == ("messages[].extra_content",)


@pytest.mark.parametrize("id_", ["groq", "mistralai", "cerebras"])
def test_a_vendor_that_refuses_what_it_does_not_know_gets_nothing_of_it(id_: str) -> None:
    message = {**USER, "vendor": {"a": 1}}

    body, wire = encode(id_, [message], enable_thinking=True, top_k=5, top_p=0.5)

    assert body == {"model": "m", "messages": [USER], "top_p": 0.5}
    assert wire.dropped == ("enable_thinking", "messages[].vendor", "top_k")


def test_a_row_of_ones_own_gets_what_nobody_is_known_to_refuse() -> None:
    request = ChatRequest(
        {"model": "m", "messages": [{**USER, "vendor": 1}], "x": 2}, stream=False, include_usage=False
    )

    wire = OpenAIAdapter().encode(request, "m")

    assert orjson.loads(wire.body or b"") == {"model": "m", "messages": [{**USER, "vendor": 1}], "x": 2}
    assert wire.dropped == ()


def test_deepseek_gets_texts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    body, _ = encode("deepseek", [{"role": "system", "content": parts[:1]}, {"role": "user", "content": parts}])

    assert [message["content"] for message in body["messages"]] == ["a", "a\nb"]


def test_deepseek_has_no_place_for_an_image() -> None:
    with pytest.raises(ARouterError) as caught:
        encode("deepseek", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}])

    assert caught.value.param == "messages[0].content[0]"


def test_deepseek_gets_reasoning_with_each_call() -> None:
    body, _ = encode(
        "deepseek", [USER, calling("a"), result("a"), {**calling("b"), "reasoning_content": "r"}, result("b")]
    )

    assert [message.get("reasoning_content") for message in body["messages"]] == [None, "", None, "r", None]
