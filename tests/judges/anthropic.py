"""Anthropic's SDK as a judge: its parameter types check requests, its response types make answers and events."""

from __future__ import annotations

from typing import Any

import orjson
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter

from arouter.providers.sse import ServerSentEvent
from judges.typed_dicts import type_faults

JsonObject = dict[str, Any]

# API version 2026-10-21, which the SDK speaks, has taken these away; 2023-06-01, which ARouter speaks, has them.
SAMPLING: dict[str, type] = {"temperature": float, "top_p": float, "top_k": int}

_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def faults(request: JsonObject) -> list[str]:
    """Returns what the SDK's types find wrong with a Messages API request."""
    rest = dict(request)
    found = []
    for field, kind in SAMPLING.items():
        found += type_faults(rest.pop(field, kind(1)), kind, field)
    params = MessageCreateParamsStreaming if rest.get("stream") else MessageCreateParamsNonStreaming
    return found + type_faults(rest, params, "request")


def message(*content: JsonObject, **more: Any) -> bytes:
    """Returns a whole answer, checked by the SDK."""
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **more,
    }
    return orjson.dumps(Message.model_validate(answer, strict=True).model_dump(exclude_unset=True))


def event(data: JsonObject) -> ServerSentEvent:
    """Returns an event of a stream, checked by the SDK."""
    checked = _EVENT.validate_python(data, strict=True).model_dump(exclude_unset=True)
    return ServerSentEvent(orjson.dumps(checked), data["type"].encode())
