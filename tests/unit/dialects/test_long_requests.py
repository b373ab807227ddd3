"""Thousands of small values in a request cost the sum of their parts, not the square: one client must not stop others.

Counted in copied bytes and executed lines, not in seconds.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from arouter.dialects.dialect import Dialect
from arouter.dialects.gemini.dialect import GeminiDialect
from arouter.dialects.responses.dialect import ResponsesDialect

Json = dict[str, Any]


def _gemini(**members: Any) -> Json:
    return {"model": "m", "contents": [{"parts": [{"text": "t"}]}], **members}


def _same_name(count: int) -> Json:
    return {"model": "m", "input": "i", "tools": [{"type": "function", "name": "f"}] * count}


def _images(count: int) -> Json:
    items = [{"type": "image_generation_call", "result": str(number)} for number in range(count)]
    return {"model": "m", "input": [*items, {"role": "user", "content": "c"}]}


def _lines(dialect: Dialect, body: Json) -> int:
    """Returns the number of lines that run while a request is read."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    earlier = sys.gettrace()
    sys.settrace(trace)
    try:
        dialect.decode(body, {}, stream=False)
    finally:
        sys.settrace(earlier)
    return count


@pytest.mark.parametrize(
    ("dialect", "body"), [(ResponsesDialect(), _same_name), (ResponsesDialect(), _images)], ids=["names", "images"]
)
def test_twice_as_many_values_run_about_twice_as_many_lines(dialect: Dialect, body: Any) -> None:
    once, twice = (_lines(dialect, body(count)) for count in (200, 400))

    assert twice < 2.5 * once


def test_the_contents_of_a_model_are_one_message() -> None:
    said = [{"role": "model", "parts": [{"text": str(number)}]} for number in range(3)]
    empty: Json = {"role": "user", "parts": []}
    body = _gemini(contents=[said[0], empty, said[1], {"parts": [{"text": "t"}]}, said[2]])

    messages = GeminiDialect().decode(body, {}).body["messages"]

    assert [(message["role"], message["content"]) for message in messages] == [
        ("assistant", "01"),
        ("user", "t"),
        ("assistant", "2"),
    ]


def test_tools_of_one_name_get_names_of_their_own() -> None:
    tools = ResponsesDialect().decode(_same_name(4), {}).body["tools"]

    assert [tool["function"]["name"] for tool in tools] == ["f", "f_", "f_2", "f_3"]


def test_results_in_any_order_belong_to_their_calls() -> None:
    calls = [{"functionCall": {"name": "f", "id": each}} for each in "abc"]
    results = [{"functionResponse": {"name": "f", "id": each, "response": {}}} for each in "cb"]
    last = {"functionResponse": {"name": "f", "response": {}}}
    body = _gemini(contents=[{"role": "model", "parts": calls}, {"role": "user", "parts": [*results, last]}])

    messages = GeminiDialect().decode(body, {}).body["messages"]

    assert [message["tool_call_id"] for message in messages[1:]] == ["c", "b", "a"]
