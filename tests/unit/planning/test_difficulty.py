"""How demanding requests are: what people have said of them, and what the sum of points says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arouter.chat.request import ChatRequest, parse_chat_request
from arouter.planning.difficulty import WINDOW, Difficulty, difficulty_of
from arouter.planning.requirements import requirements_of
from support.labelled import Labelled, labelled

LABELLED = labelled("requests")
HELD_OUT = labelled("held_out")
LEVELS = ("easy", "medium", "hard")
TEXTS = st.text(max_size=300) | st.sampled_from([case.request.body["messages"][-1]["content"] for case in LABELLED])


def judge(request: ChatRequest) -> Difficulty:
    return difficulty_of(request, requirements_of(request))


def asked(content: Any, **fields: Any) -> Difficulty:
    body = {"model": "auto", "messages": [{"role": "user", "content": content}], **fields}
    return judge(parse_chat_request(json.dumps(body).encode()))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in LABELLED])
def test_a_labelled_request_gets_its_level(case: Labelled) -> None:
    found = judge(case.request)
    assert found.level == case.level, found


def test_there_are_enough_labels_of_every_kind() -> None:
    for level in LEVELS:
        assert sum(case.level == level for case in LABELLED) >= 30
    for need in ("image", "audio", "file", "video", "tools", "json", "schema", "reasoning", "long"):
        assert any(need in case.needs for case in LABELLED), need


def test_requests_that_the_points_were_not_chosen_for_are_hardly_ever_two_levels_off() -> None:
    far = [case.id for case in HELD_OUT if {judge(case.request).level, case.level} == {"easy", "hard"}]

    assert len(far) <= 1


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({"reasoning_effort": "high"}, 10),
        ({"reasoning": {"max_tokens": 20_000}}, 10),
        ({"reasoning_effort": "medium"}, 2),
        ({"reasoning_effort": "of the vendor's own"}, 2),
        ({"reasoning_effort": "low"}, 0),
        ({"reasoning_effort": "none"}, 0),
        ({"max_tokens": 16}, -3),
        ({"max_completion_tokens": 64}, -2),
        ({"max_tokens": 256}, -1),
        ({"max_tokens": 257}, 0),
        ({"max_tokens": 16, "reasoning_effort": "medium"}, 2),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 3),
        ({"tools": [{"type": "function", "function": {"name": f"f{n}"}} for n in range(10)]}, 6.5),
        ({"functions": [{"name": "f"}]}, 3),
        ({"response_format": {"type": "json_object"}}, 0),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "s"}}}, 0),
    ],
)
def test_what_a_field_adds(fields: dict[str, Any], points: float) -> None:
    assert asked("Hello", **fields).score - asked("Hello").score == points


def test_properties_of_a_schema_count_wherever_they_are() -> None:
    inner = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(6)}}
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": inner}}}
    format_ = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}

    assert "schema properties: 7 +1.5" in asked("Hello", response_format=format_).reasons


def test_words_of_the_material_count_less_than_those_of_the_question() -> None:
    material = "We analyse the architecture and the risks."

    assert asked(material).score > asked(f"Translate: {material}").score + 2


def test_a_simple_word_in_the_middle_of_a_message_is_no_simple_ask() -> None:
    text = "Tell me what this means for us. " * 5

    assert asked(f"{text} Then translate it. {text}").score == asked(f"{text} Then do it. {text}").score


def test_only_the_last_message_of_the_user_is_read() -> None:
    messages = [
        {"role": "user", "content": "Prove that the integral converges."},
        {"role": "assistant", "content": "It does: prove it yourself."},
        {"role": "user", "content": "Thanks"},
    ]

    assert judge(ChatRequest({"model": "auto", "messages": messages}, stream=False, include_usage=False)).score == -1


def test_text_in_parts_counts_as_text() -> None:
    words = "Prove that every bounded sequence has a subsequence that converges."

    assert asked([{"type": "text", "text": words}]) == asked(words)


def test_what_is_in_the_middle_of_a_huge_message_is_not_read() -> None:
    padding = "x" * 2 * WINDOW

    assert asked(f"{padding} prove ``` deadlock {padding}").score == asked(padding).score


@settings(max_examples=200)
@given(
    st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXTS}),
        min_size=1,
        max_size=6,
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "max_tokens": st.integers(1, 10_000) | st.none(),
            "reasoning_effort": st.sampled_from(["none", "minimal", "high", "other"]) | st.none(),
            "reasoning": st.fixed_dictionaries(
                {},
                optional={"effort": st.text(max_size=5), "max_tokens": st.integers(0, 9999), "enabled": st.booleans()},
            ),
            "response_format": st.fixed_dictionaries(
                {"type": st.sampled_from(["json_schema", "json_object", "text"])},
                optional={
                    "json_schema": st.fixed_dictionaries(
                        {},
                        optional={
                            "schema": st.dictionaries(
                                st.sampled_from(["properties", "items", "x"]),
                                st.recursive(
                                    st.none() | st.integers() | st.text(max_size=3),
                                    lambda inner: st.lists(inner) | st.dictionaries(st.just("properties"), inner),
                                ),
                            )
                        },
                    )
                },
            ),
            "tools": st.lists(st.just({"type": "function", "function": {"name": "f"}}), max_size=20),
        },
    ),
)
def test_every_request_has_one_difficulty(messages: list[Any], fields: dict[str, Any]) -> None:
    request = parse_chat_request(json.dumps({"model": "auto", "messages": messages, **fields}).encode())
    found = judge(request)

    assert found == judge(request)
    assert found.level in LEVELS
