"""A strict reader of the Messages API's event streams: their types are the SDK's, their order the reference's.

Source: platform.claude.com, "Streaming messages".
"""

from __future__ import annotations

from typing import Any

import orjson
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from arouter.providers.sse import SseParser

JsonObject = dict[str, Any]

_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
_DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "redacted_thinking": set(),
}


def events_of(data: bytes) -> list[JsonObject]:
    """Returns the events of a stream without pings; each must be whole, and named as its type says."""
    assert data.endswith(b"\n\n")
    events = []
    for event in SseParser(2**24).feed(data):
        value = orjson.loads(event.data)
        assert value["type"] == event.event.decode()
        if value["type"] != "ping":
            events.append(value)
    return events


def message_of(events: list[JsonObject]) -> JsonObject:
    """Returns the message of a complete stream, and asserts the order of its events."""
    for event in events:
        _EVENT.validate_python(event, strict=True)
    first, *middle, delta, last = events
    assert [first["type"], delta["type"], last["type"]] == ["message_start", "message_delta", "message_stop"]
    message = first["message"]
    assert (message["content"], message["stop_reason"]) == ([], None)
    assert {"input_tokens", "output_tokens"} <= message["usage"].keys()
    content: list[JsonObject] = []
    json = ""
    is_open = False
    for event in middle:
        kind = event["type"]
        if kind == "content_block_start":
            assert not is_open
            assert event["index"] == len(content)
            is_open, json = True, ""
            content.append(dict(event["content_block"]))
            continue
        block = content[-1]
        assert is_open
        assert event["index"] == len(content) - 1
        if kind == "content_block_stop":
            is_open = False
            if block["type"] == "tool_use":
                assert block["input"] == {}
                block["input"] = orjson.loads(json)
        else:
            assert kind == "content_block_delta"
            assert event["delta"]["type"] in _DELTAS[block["type"]]
            json += _grow(block, event["delta"])
    assert not is_open
    assert isinstance(delta["delta"]["stop_reason"], str)
    whole = {**message, **delta["delta"], "content": content, "usage": {**message["usage"], **delta["usage"]}}
    Message.model_validate(whole, strict=True)
    return whole


def _grow(block: JsonObject, delta: JsonObject) -> str:
    """Adds a delta to a block, and returns the piece of JSON in it, if any."""
    kind = delta["type"]
    if kind == "text_delta":
        block["text"] += delta["text"]
    elif kind == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif kind == "signature_delta":
        # The SDK replaces the signature, so that there must be one delta.
        assert block["signature"] == ""
        block["signature"] = delta["signature"]
    elif kind == "citations_delta":
        block.setdefault("citations", []).append(delta["citation"])
    return str(delta.get("partial_json", ""))
