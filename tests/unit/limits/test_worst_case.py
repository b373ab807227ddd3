"""Worst cases, from requests as clients write them."""

from __future__ import annotations

from typing import Any

import pytest

from arouter.chat.request import ChatRequest
from arouter.chat.token_estimates import delivered_size, delivered_tokens, likely_prompt_tokens
from arouter.limits.worst_case import DEFAULT_COMPLETION, WorstCase, worst_case
from arouter.models import UNKNOWN, ModelDetails, Prices, PriceTier


def request(*messages: Any, **fields: Any) -> ChatRequest:
    return ChatRequest({"model": "m", "messages": list(messages), **fields}, stream=False, include_usage=False)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def tokens(*messages: Any, **fields: Any) -> int:
    """Returns the worst case of a prompt alone."""
    return worst_case(request(*messages, **{"max_tokens": 1, **fields}), UNKNOWN).tokens - 1


@pytest.mark.parametrize(("text", "size"), [("x" * 1000, 500), ("ü" * 1000, 1000), ("你" * 1000, 1500)])
def test_a_prompt_counts_by_its_bytes(text: str, size: int) -> None:
    assert tokens(user(text)) == pytest.approx(size, abs=20)
    assert tokens(user([{"type": "text", "text": text}])) == pytest.approx(size, abs=20)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}},
        {"type": "input_audio", "input_audio": {"data": "A" * 1_000_000, "format": "wav"}},
        {"type": "file", "file": {"file_data": "A" * 1_000_000}},
        {"type": "something_new", "something_new": "A" * 1_000_000},
    ],
)
def test_media_count_the_same_whatever_their_length(part: dict[str, Any]) -> None:
    assert 1_000 <= tokens(user([part])) <= 100_000


def test_tools_and_calls_count() -> None:
    schema = {"type": "function", "function": {"name": "f", "parameters": {"description": "x" * 1000}}}
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"arguments": "x" * 1000}}]}

    assert tokens(user("hi"), tools=[schema]) > 500
    assert tokens(call) > 500


def test_json_nested_beyond_measure_does_not_fail() -> None:
    deep: Any = {}
    for _ in range(1000):
        deep = {"a": deep}

    assert tokens(user("hi"), tools=[deep]) > 0


@pytest.mark.parametrize(
    ("fields", "details", "completion"),
    [
        ({"max_tokens": 5}, ModelDetails(max_output_tokens=100), 5),
        ({"max_tokens": 5, "max_completion_tokens": 6}, UNKNOWN, 6),
        ({"max_tokens": 5, "n": 3}, UNKNOWN, 15),
        ({"n": 3}, ModelDetails(max_output_tokens=100), 300),
        ({}, ModelDetails(max_output_tokens=100, context_length=1000), 100),
        ({}, ModelDetails(context_length=1000), 1000),
        ({}, UNKNOWN, DEFAULT_COMPLETION),
        ({"max_tokens": -3, "n": -3}, UNKNOWN, DEFAULT_COMPLETION),
        ({"max_tokens": None, "n": None}, UNKNOWN, DEFAULT_COMPLETION),
        ({"max_tokens": 10**30}, UNKNOWN, 2**31 - 1),
    ],
)
def test_an_answer_is_as_long_as_it_may_be(fields: dict[str, Any], details: ModelDetails, completion: int) -> None:
    assert worst_case(request(**fields), details).tokens == completion


def test_a_prompt_fills_the_context_together_with_its_answer() -> None:
    assert worst_case(request(user("x" * 1000)), ModelDetails(context_length=1000)).tokens == 1000


@pytest.mark.parametrize(
    ("prices", "cost"),
    [
        (None, 0),
        (Prices(prompt=0, completion=0), 0),
        # The prompt has 510 tokens: 8, and the half of 1,000 bytes and of the role's 4.
        (Prices(prompt=1, completion=10), 510 * 1_000 + 100 * 10_000),
        (Prices(prompt=1, completion=10, cache_read=0.1, cache_write=2), 510 * 2_000 + 100 * 10_000),
        (Prices(prompt=1, completion=10, completion_audio=99), 510 * 1_000 + 100 * 10_000),
        (
            Prices(
                prompt=1,
                completion=10,
                tiers=(PriceTier(above=500, prompt=2, completion=20), PriceTier(above=600, prompt=3, completion=30)),
            ),
            510 * 2_000 + 100 * 20_000,
        ),
        (Prices(prompt=1e30, completion=1), 2**53),
    ],
)
def test_the_dearest_rates_count(prices: Prices | None, cost: int) -> None:
    asked = request(user("x" * 1000), max_tokens=100)

    assert worst_case(asked, ModelDetails(prices=prices)) == WorstCase(610, cost)


def test_what_was_delivered_is_measured_by_its_text() -> None:
    call = {"index": 0, "function": {"arguments": "x" * 100}}
    chunk = {
        "choices": [
            {"delta": {"role": "assistant", "content": "x" * 40, "reasoning_content": "y" * 60}},
            {"delta": {"tool_calls": [call]}},
            {"delta": None},
        ]
    }

    assert 200 < delivered_size(chunk) < 300
    assert delivered_size({"choices": [{"message": {"content": "x" * 40}}]}) == 40
    assert delivered_size({"choices": []}) == 0
    assert delivered_tokens(41) == 11


@pytest.mark.parametrize("choices", [None, {}, "x", 5, [None], ["x"], [{}], [{"delta": "x"}], [{"message": ["x"]}]])
def test_what_is_no_text_has_no_size(choices: Any) -> None:
    assert delivered_size({"choices": choices}) == 0


def test_what_is_likely_is_less_than_the_worst() -> None:
    asked = request(user("x" * 1000))

    assert likely_prompt_tokens(asked) < worst_case(asked, ModelDetails(max_output_tokens=1)).tokens
