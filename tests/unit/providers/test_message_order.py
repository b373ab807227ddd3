"""The order of messages that vendors take, and lists that hold nothing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from unit.providers.anthropic.requests import encode as to_anthropic
from unit.providers.gemini.wire import ADAPTER as GEMINI

from arouter.chat.request import ChatRequest
from arouter.providers.message_order import (
    CONTINUE,
    OPENING,
    acknowledge_results,
    mark_prefix,
    ordered,
    without_empty_calls,
)
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
    found = acknowledge_results([USER, CALLS, RESULT, RESULT, {"role": role, "content": "y"}])

    assert [message["role"] for message in found] == ["user", "assistant", "tool", "tool", "assistant", role]
    assert found[4]["content"]


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


RULES: Json = {"role": "system", "content": "be brief"}
MORE: Json = {"role": "user", "content": "more"}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([USER, ANSWER, RULES, MORE], [USER, ANSWER, MORE, RULES]),
        ([USER, ANSWER, RULES], [USER, ANSWER, {**RULES, "role": "user"}]),
        ([USER, ANSWER, RULES, ANSWER], [USER, ANSWER, {**RULES, "role": "user"}, ANSWER]),
        ([RULES, USER, RULES], [RULES, USER, RULES]),
        ([USER, {"role": "assistant", "content": ""}, MORE], [USER, MORE]),
    ],
)
def test_mistral_has_no_place_for_instructions_behind_an_answer(messages: list[Json], expected: list[Json]) -> None:
    assert ordered(messages, "answered") == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([RULES, USER, ANSWER], [RULES, USER, ANSWER]),
        ([RULES, RULES, USER], [{**RULES, "content": "be brief\n\nbe brief"}, USER]),
        ([RULES, USER, RULES, ANSWER], [RULES, USER, {**RULES, "role": "user"}, ANSWER]),
        ([USER, RULES], [USER, {**RULES, "role": "user"}]),
    ],
)
def test_templates_take_instructions_first_alone(messages: list[Json], expected: list[Json]) -> None:
    assert ordered(messages, "leading") == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([RULES, USER, MORE], [RULES, {"role": "user", "content": "x\n\nmore"}]),
        ([USER, RULES], [{"role": "user", "content": "x\n\nbe brief"}]),
        ([ANSWER, USER], [{"role": "user", "content": OPENING}, ANSWER, USER]),
        ([USER, ANSWER, RULES, MORE], [USER, ANSWER, {"role": "user", "content": "be brief\n\nmore"}]),
        ([RULES], [{**RULES, "role": "user"}]),
        (
            [USER, {"role": "user", "content": [{"type": "text", "text": "y"}]}],
            [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}],
        ),
    ],
)
def test_perplexity_hears_the_user_and_the_assistant_in_turn(messages: list[Json], expected: list[Json]) -> None:
    assert ordered(messages, "alternating") == expected


@pytest.mark.parametrize("id_", ["deepseek", "perplexity"])
def test_who_does_not_continue_an_answer_is_asked_to(id_: str) -> None:
    request = ChatRequest({"model": "p/m", "messages": [USER, ANSWER]}, stream=False, include_usage=False)
    wire = OpenAIAdapter(PRESETS[id_].quirks).encode(request, "m")

    assert orjson.loads(wire.body or b"")["messages"] == [USER, ANSWER, {"role": "user", "content": CONTINUE}]
    assert wire.dropped == ("messages[].prefix",)


def test_a_client_that_knows_deepseeks_prefix_is_passed_on() -> None:
    messages = [USER, {**ANSWER, "prefix": True}]

    assert sent("deepseek", {"messages": messages})["messages"] == messages


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("claude-sonnet-4-5", False),
        ("claude-opus-4-5", False),
        ("claude-opus-4-6", True),
        ("claude-sonnet-5", True),
        ("claude-opus-5-5", True),
        ("glm-5", False),
    ],
)
def test_newer_claudes_are_asked_to_continue(model: str, asked: bool) -> None:
    wire, dropped = to_anthropic(model, messages=[USER, ANSWER])

    assert (wire["messages"][-1] == {"role": "user", "content": [{"type": "text", "text": CONTINUE}]}) is asked
    assert dropped == (("messages[].prefix",) if asked else ())


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("gemini-2.5-pro", False),
        ("gemini-3-pro", False),
        ("gemini-3.5-flash", False),
        ("gemini-3.5-flash-lite", True),
        ("gemini-3.6-flash", True),
        ("gemini-3.8-flash", True),
        ("gemini-flash-latest", True),
        ("gemma-3-27b-it", False),
    ],
)
def test_newer_geminis_are_asked_to_continue(model: str, asked: bool) -> None:
    wire = GEMINI.encode(
        ChatRequest({"model": "p/m", "messages": [USER, ANSWER]}, stream=False, include_usage=False), model
    )

    contents = orjson.loads(wire.body or b"")["contents"]
    assert (contents[-1] == {"role": "user", "parts": [{"text": CONTINUE}]}) is asked
    assert wire.dropped == (("messages[].prefix",) if asked else ())


def test_results_reach_gemini_in_the_order_of_their_calls_and_by_the_turn_of_a_repeated_id() -> None:
    def calls(*ids: str) -> Json:
        function = {"name": "f", "arguments": "{}"}
        made = [{"id": id_, "type": "function", "function": function} for id_ in ids]
        return {"role": "assistant", "content": None, "tool_calls": made}

    def result(id_: str, text: str) -> Json:
        return {"role": "tool", "tool_call_id": id_, "content": text}

    messages = [USER, calls("a", "b"), result("b", "two"), result("a", "one"), calls("a"), result("a", "three")]
    body = {"model": "p/m", "messages": messages}
    wire = orjson.loads(GEMINI.encode(ChatRequest(body, stream=False, include_usage=False), "gemini-2.5-pro").body)

    said = [
        [part["functionResponse"]["response"]["output"] for part in wire["contents"][turn]["parts"]] for turn in (2, 4)
    ]
    assert said == [["one", "two"], ["three"]]


@pytest.mark.parametrize("id_", ["openai", "groq", "vllm"])
def test_an_answer_of_reasoning_alone_has_an_empty_text(id_: str) -> None:
    thought: Json = {"role": "assistant", "content": None, "reasoning_content": "r"}

    assert sent(id_, {"messages": [USER, thought, MORE]})["messages"][1]["content"] == ""


def test_anthropic_is_sent_a_user_first() -> None:
    wire, _ = to_anthropic(messages=[ANSWER, USER])

    assert wire["messages"][0] == {"role": "user", "content": [{"type": "text", "text": OPENING}]}
    assert [turn["role"] for turn in wire["messages"]] == ["user", "assistant", "user"]


def test_gemini_is_sent_a_user_before_a_call() -> None:
    body = {"model": "p/m", "messages": [CALLS, RESULT, USER]}
    wire = orjson.loads(GEMINI.encode(ChatRequest(body, stream=False, include_usage=False), "gemini-2.5-flash").body)

    assert wire["contents"][0] == {"role": "user", "parts": [{"text": OPENING}]}
    assert "functionCall" in wire["contents"][1]["parts"][0]
