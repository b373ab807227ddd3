"""The judges can say no. Google's is tested with its golden files."""

from __future__ import annotations

from typing import Any

import pytest

from judges import anthropic, openai

GOOD: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 16,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
}


def with_block(block: dict[str, Any]) -> dict[str, Any]:
    return {**GOOD, "messages": [{"role": "user", "content": [block]}]}


def test_anthropics_accepts_what_is_right() -> None:
    assert anthropic.faults(GOOD) == []
    assert anthropic.faults({**GOOD, "stream": True, "temperature": 0.5, "top_k": 3}) == []
    assert anthropic.faults({**GOOD, "tools": [{"name": "t", "input_schema": {"type": "object", "oneOf": []}}]}) == []


@pytest.mark.parametrize(
    "bad",
    [
        {**GOOD, "unknown": 1},
        {**GOOD, "temperature": "hot"},
        {**GOOD, "max_tokens": "16"},
        {**GOOD, "stop_sequences": "x"},
        {**GOOD, "thinking": {"type": "enabled"}},
        {**GOOD, "tools": [{"name": "t"}]},
        {**GOOD, "tool_choice": {"type": "required"}},
        {**GOOD, "output_config": {"effort": "minimal"}},
        {**GOOD, "output_config": {"format": {"type": "json_object"}}},
        {**GOOD, "messages": [{"role": "tool", "content": "x"}]},
        with_block({"type": "text"}),
        with_block({"type": "text", "text": "x", "unknown": 1}),
        with_block({"type": "thinking", "thinking": "x"}),
        with_block({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": ""}}),
        with_block({"type": "tool_result", "tool_use_id": "x", "content": [{"type": "tool_use"}]}),
        with_block({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "2h"}}),
        {"model": "m", "messages": []},
    ],
)
def test_anthropics_refuses_what_is_wrong(bad: dict[str, Any]) -> None:
    assert anthropic.faults(bad) != []


ASKED: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "oneOf": []}}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"tools": [TOOL], "tool_choice": "required"},
        {"stop": "x", "temperature": 1, "logit_bias": {"1": 5}, "metadata": None},
    ],
)
def test_openais_accepts_what_is_right(more: dict[str, Any]) -> None:
    assert openai.faults(ASKED | more) == []


@pytest.mark.parametrize(
    "more",
    [
        {"unknown": 1},
        {"temperature": "hot"},
        {"stop": 5},
        {"stream": "yes"},
        {"reasoning_effort": "some"},
        {"tools": [{"type": "function", "name": "f"}]},
        {"tool_choice": "any"},
        {"response_format": {"type": "json_schema", "schema": {}}},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
    ],
)
def test_openais_refuses_what_is_wrong(more: dict[str, Any]) -> None:
    assert openai.faults(ASKED | more) != []
