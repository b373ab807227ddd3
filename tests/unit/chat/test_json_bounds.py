"""How many values a JSON text may have, counted before a parser sees it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.chat import json_bounds
from arouter.chat.json_bounds import MAX_JSON_VALUES, count_values, load_json
from arouter.errors import ARouterError, Failure

SIZE = 10 * 1024 * 1024 - 1000


def values(document: Any) -> int:
    """Returns the number of values and member names in a document, itself not included."""
    if isinstance(document, dict):
        return sum(2 + values(value) for value in document.values())
    if isinstance(document, list):
        return sum(1 + values(value) for value in document)
    return 0


@pytest.mark.parametrize("unit", [b"[]", b"{}", b'{"":0}', b"0", b'""', b'"\xc3\xa9"', b'{"a":{"b":[1,2]}}', b'"\\""'])
def test_ten_megabytes_of_small_values_are_refused(unit: bytes) -> None:
    body = b"[" + (unit + b",") * (SIZE // (len(unit) + 1)) + b"0]"

    with pytest.raises(ARouterError) as caught:
        load_json(body, "The request body")

    assert caught.value.failure is Failure.INVALID_REQUEST
    assert caught.value.message == "The request body has more than 200000 values."


@pytest.mark.parametrize(
    "text",
    ["Well, [he] said: {so}. ", '"quoted", ', "C:\\folder\\, ", 'a\\",[', "é, ü: ", "data:image/png;base64,"],
)
def test_ten_megabytes_of_text_pass(text: str) -> None:
    body = {"messages": [{"role": "user", "content": text * (SIZE // (2 * len(text.encode())))}]}

    assert load_json(orjson.dumps(body), "The request body") == body


def test_an_agents_request_passes() -> None:
    """Thousands of messages with calls of tools, and a hundred tools with schemas."""
    call = {"id": "call_1", "type": "function", "function": {"name": "edit", "arguments": '{"path": "a, b", "n": [1]}'}}
    turn = [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "x, y" * 200}]
    schema = {"type": "object", "properties": {f"p{i}": {"type": "string", "description": "…"} for i in range(50)}}
    tools = [{"type": "function", "function": {"name": f"t{i}", "parameters": schema}} for i in range(100)]
    body = {"model": "m", "messages": turn * 5000, "tools": tools}

    assert load_json(orjson.dumps(body), "The request body") == body


def test_what_is_no_json_says_so() -> None:
    with pytest.raises(ARouterError, match="'a' is not valid JSON"):
        load_json("{", "'a'", "a")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='",:[]{}\\aé\n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='",:[]{}\\a'), inner),
)


@given(JSON)
def test_no_value_is_missed_and_no_text_counts(document: Any) -> None:
    # With a bound that every text passes, so that strings are looked at.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_bounds, "MAX_JSON_VALUES", 0)
        found = count_values(orjson.dumps(document))

    strings = orjson.dumps(document).replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"') // 2
    # An empty array or object has a mark and no value; without marks, or with one string too many, it is a bound.
    assert found == strings or values(document) <= found <= 2 * values(document) + 1


@given(st.binary())
def test_no_bytes_are_too_odd_to_be_counted(data: bytes) -> None:
    assert 0 <= count_values(data) <= MAX_JSON_VALUES


def test_counting_ends_soon_after_the_bound() -> None:
    assert MAX_JSON_VALUES < count_values(b"[]," * (SIZE // 3)) < 2 * MAX_JSON_VALUES
