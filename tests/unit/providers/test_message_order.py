"""The order of messages that vendors take, and lists that hold nothing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from unit.providers.anthropic.requests import encode as to_anthropic
from unit.providers.gemini.wire import ADAPTER as GEMINI

from arouter.chat.request import ChatRequest
from arouter.providers.message_order import OPENING, acknowledge_results, mark_prefix, without_empty_calls
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.presets import PRESETS

Json = dict[str, Any]

USER: Json = {"role": "user", "content": "x"}
ANSWER: Json = {"role": "assistant", "content": "a"}
CALLS: Json = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "abcdefgh1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT: Json = {"role": "tool", "tool_call_id": "abcdefgh1", "content": "r"}


def sent(id_: str, body: Json) -> Json:
    request = ChatRequest({"model": "p/m", **body}, stream=False, include_usage=False)
    return orjson.loads(OpenAIAdapter(PRESETS[id_].quirks).encode(request, "m").body)


@pytest.mark.parametrize("role", ["user", "system"])
def test_results_are_acknowledged_before_anything_but_an_answer(role: str) -> None:
    ordered = acknowledge_results([USER, CALLS, RESULT, RESULT, {"role": role, "content": "y"}])

    assert [message["role"] for message in ordered] == ["user", "assistant", "tool", "tool", "assistant", role]
    assert ordered[4]["content"]


def test_results_that_are_answered_or_last_stay_as_they_are() -> None:
    assert acknowledge_results([USER, CALLS, RESULT, ANSWER, USER]) == [USER, CALLS, RESULT, ANSWER, USER]
    assert acknowledge_results([USER, CALLS, RESULT]) == [USER, CALLS, RESULT]


def test_a_last_answer_is_marked_as_one_to_be_continued() -> None:
    assert mark_prefix([USER, ANSWER], "prefix") == [USER, {**ANSWER, "prefix": True}]
    assert ANSWER == {"role": "assistant", "content": "a"}


@pytest.mark.parametrize("last", [USER, CALLS, RESULT])
def test_nothing_else_is_marked(last: Json) -> None:
    assert mark_prefix([ANSWER, last], "prefix") == [ANSWER, last]


def test_empty_lists_of_calls_are_left_out() -> None:
    assert without_empty_calls([{**ANSWER, "tool_calls": []}, {**USER, "tool_calls": None}, CALLS]) == [
        ANSWER,
        USER,
        CALLS,
    ]


@pytest.mark.parametrize("id_", ["openai", "groq", "vllm"])
@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_empty_tools_and_a_choice_among_them_are_not_sent(id_: str, choice: str | None) -> None:
    body = sent(id_, {"messages": [USER], "tools": [], "tool_choice": choice, "parallel_tool_calls": True})

    assert body.keys() == {"model", "messages"}


def test_a_choice_that_needs_tools_is_sent_for_the_vendor_to_refuse() -> None:
    assert sent("openai", {"messages": [USER], "tools": [], "tool_choice": "required"})["tool_choice"] == "required"


def test_only_mistral_is_sent_what_mistral_wants() -> None:
    messages = [USER, CALLS, RESULT, USER, ANSWER]

    assert sent("vllm", {"messages": messages})["messages"] == messages
    assert [m["role"] for m in sent("mistralai", {"messages": messages})["messages"]][3:5] == ["assistant", "user"]
    assert sent("mistralai", {"messages": messages})["messages"][-1]["prefix"] is True


def test_anthropic_is_sent_a_user_first() -> None:
    wire, _ = to_anthropic(messages=[ANSWER, USER])

    assert wire["messages"][0] == {"role": "user", "content": [{"type": "text", "text": OPENING}]}
    assert [turn["role"] for turn in wire["messages"]] == ["user", "assistant", "user"]


def test_gemini_is_sent_a_user_before_a_call() -> None:
    body = {"model": "p/m", "messages": [CALLS, RESULT, USER]}
    wire = orjson.loads(GEMINI.encode(ChatRequest(body, stream=False, include_usage=False), "gemini-2.5-flash").body)

    assert wire["contents"][0] == {"role": "user", "parts": [{"text": OPENING}]}
    assert "functionCall" in wire["contents"][1]["parts"][0]
