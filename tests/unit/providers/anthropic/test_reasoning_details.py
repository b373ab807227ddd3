"""Thinking goes back to the family of models that signed it, and to no other."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.anthropic.encode import encode_request
from arouter.providers.anthropic.reasoning_details import format_of
from arouter.providers.sse import ServerSentEvent

ADAPTER = AnthropicAdapter()
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
TEXT = {"type": "text", "text": "Hello."}
USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("model", "format_"),
    [
        ("claude-sonnet-4-6", "anthropic-claude-v1"),
        ("us.anthropic.claude-sonnet-4-6-v1:0", "anthropic-claude-v1"),
        ("our-best", "anthropic-claude-v1"),
        ("", "anthropic-claude-v1"),
        ("MiniMax-M3", "anthropic-minimax-v1"),
        ("moonshotai/kimi-k3", "anthropic-kimi-v1"),
        ("k3", "anthropic-kimi-v1"),
        ("deepseek-v4", "anthropic-deepseek-v1"),
    ],
)
def test_the_format_names_the_family_that_signs(model: str, format_: str) -> None:
    assert format_of(model) == format_


def answered(model: str) -> dict[str, Any]:
    """Returns the message in a complete answer of a model."""
    answer = {"id": "msg_1", "type": "message", "model": model, "content": [THINKING, TEXT], "stop_reason": "end_turn"}
    message: dict[str, Any] = ADAPTER.decode(orjson.dumps(answer))["choices"][0]["message"]
    return message


def streamed(model: str) -> list[Any]:
    """Returns the details in the chunks of the same answer."""
    decoder = ADAPTER.stream_decoder()
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": {"id": "msg_1", "model": model}},
        {"type": "content_block_start", "index": 0, "content_block": THINKING},
        {"type": "content_block_stop", "index": 0},
    )
    chunks = [chunk for event in events for chunk in decoder.feed(ServerSentEvent(orjson.dumps(event)))]
    return [
        detail
        for chunk in chunks
        for choice in chunk["choices"]
        for detail in choice["delta"].get("reasoning_details", [])
    ]


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", "MiniMax-M3"])
def test_an_answer_and_a_stream_name_the_same_family(model: str) -> None:
    assert streamed(model) == answered(model)["reasoning_details"]


@pytest.mark.parametrize(
    ("signer", "target", "accepted"),
    [
        ("claude-sonnet-4-6", "claude-opus-4-8", True),
        ("MiniMax-M2.5", "MiniMax-M3", True),
        ("MiniMax-M3", "claude-opus-4-8", False),
        ("kimi-k3", "MiniMax-M3", False),
        ("claude-opus-4-8", "k3", False),
    ],
)
def test_only_its_own_family_gets_the_thinking_back(signer: str, target: str, accepted: bool) -> None:
    body = {"messages": [USER, answered(signer), USER]}

    sent, dropped = encode_request(body, target, stream=False)

    assert sent["messages"][1]["content"] == ([THINKING, TEXT] if accepted else [TEXT])
    assert dropped == (() if accepted else ("messages[].reasoning_details", "messages[].reasoning_content"))
