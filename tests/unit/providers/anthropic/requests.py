"""Requests to encode, and what the encoder makes of them; the SDK judges each."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError, Failure
from arouter.providers.anthropic.adapter import AnthropicAdapter
from judges.anthropic import faults

ADAPTER = AnthropicAdapter()
HAIKU_4_5 = "claude-haiku-4-5-20251001"
OPUS_4_5 = "claude-opus-4-5"
SONNET_4_6 = "claude-sonnet-4-6"
OPUS_4_8 = "claude-opus-4-8"
SONNET_5 = "claude-sonnet-5"
OPUS_5_5 = "claude-opus-5-5"
SONNET_5_5 = "claude-sonnet-5-5"
FABLE_5 = "claude-fable-5"
STRANGER = "qwen3-4b"

USER = {"role": "user", "content": "Hi"}
ASSISTANT = {"role": "assistant", "content": "Hello."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
OTHER = {"type": "function", "function": {"name": "g"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
CACHED = {"cache_control": {"type": "ephemeral"}}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def encode(model: str = SONNET_4_6, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Encodes a request, which the SDK's types must accept."""
    body = {"model": "m", "messages": [USER], **fields}
    check_body(body)
    wire = ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), model)
    sent = orjson.loads(wire.body)
    assert faults(sent) == []
    return sent, wire.dropped


def refusal(model: str = SONNET_4_6, **fields: Any) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        encode(model, **fields)
    assert caught.value.failure is Failure.INVALID_REQUEST
    return caught.value


def turns(*messages: dict[str, Any], model: str = SONNET_4_6) -> tuple[Any, list[tuple[str, Any]]]:
    """Returns the system prompt and the turns that messages become."""
    sent, _ = encode(model, messages=list(messages))
    return sent.get("system"), [(turn["role"], turn["content"]) for turn in sent["messages"]]
