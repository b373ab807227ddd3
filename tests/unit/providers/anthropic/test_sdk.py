"""The judge can say no."""

from __future__ import annotations

from typing import Any

import pytest
from unit.providers.anthropic.sdk import faults

GOOD: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 16,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
}


def with_block(block: dict[str, Any]) -> dict[str, Any]:
    return {**GOOD, "messages": [{"role": "user", "content": [block]}]}


def test_accepts_what_is_right() -> None:
    assert faults(GOOD) == []
    assert faults({**GOOD, "stream": True, "temperature": 0.5, "top_k": 3}) == []
    assert faults({**GOOD, "tools": [{"name": "t", "input_schema": {"type": "object", "oneOf": []}}]}) == []


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
def test_refuses_what_is_wrong(bad: dict[str, Any]) -> None:
    assert faults(bad) != []
