"""A provider that speaks Anthropic's protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator

from anthropic.types import ErrorResponse

from emulator import Call
from judges.anthropic import event, faults, message
from matrix.conversation import Asked, Failed, JsonObject, Protocol, Said, ToolCall, Used, WireError, pieces, texts_of
from matrix.openai import result

_STOP_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
_ERRORS = {
    "bad_request": (400, "invalid_request_error"),
    "bad_key": (401, "authentication_error"),
    "limit": (429, "rate_limit_error"),
    "defect": (500, "api_error"),
    "overload": (529, "overloaded_error"),
}
_SUMMARIZED = {"type": "adaptive", "display": "summarized"}
_BARE = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}


def read(call: Call) -> Asked:
    """Reads a Messages API request."""
    body = call.json
    assert call.path == "/v1/messages"
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert faults(body) == []
    blocks = [block for turn in body["messages"] for block in _blocks_of(turn["content"])]
    images = [block["source"] for block in blocks if block["type"] == "image"]
    config = body.get("output_config", {})
    effort = config.get("effort")
    # A model of this generation thinks only when it is told to, and tells what only when it is asked.
    assert (effort is None) == ("thinking" not in body)
    assert effort is None or body["thinking"]["type"] == "adaptive"
    return Asked(
        instructions=texts_of(_blocks_of(body.get("system", []))),
        texts=texts_of([block for block in blocks if block["type"] == "text"]),
        images=[(source["media_type"], source["data"]) for source in images],
        calls=[ToolCall(each["id"], each["name"], each["input"]) for each in blocks if each["type"] == "tool_use"],
        results=[
            (each["tool_use_id"], result("".join(texts_of(_blocks_of(each["content"])))))
            for each in blocks
            if each["type"] == "tool_result"
        ],
        tools={each["name"]: each["input_schema"] for each in body.get("tools", ())},
        must_call=body.get("tool_choice") == {"type": "any"},
        schema=config["format"]["schema"] if "format" in config else None,
        effort=effort,
        stop=body.get("stop_sequences", []),
        limit=body["max_tokens"],
    )


def check_translated(body: JsonObject) -> None:
    """Checks what is ours to choose where a chat completion is translated: blocks, and summaries of what is thought."""
    assert all(isinstance(content, list) for content in _contents(body))
    assert body.get("thinking", _SUMMARIZED) == _SUMMARIZED


def _contents(body: JsonObject) -> Iterator[str | list[JsonObject]]:
    yield body.get("system", [])
    for turn in body["messages"]:
        yield turn["content"]
        yield from (block["content"] for block in turn["content"] if block["type"] == "tool_result")


def _blocks_of(content: str | list[JsonObject]) -> list[JsonObject]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def whole(model: str, said: Said) -> JsonObject:
    """Writes a message."""
    ending = {**_ending(said), "usage": _usage(said.used)}
    return json.loads(message(*_blocks(said), id="msg_emulated", model=model, **ending))


def stream(model: str, said: Said) -> list[bytes]:
    """Writes its events."""
    return [_event(each) for each in _events(model, said)]


def _events(model: str, said: Said) -> Iterator[JsonObject]:
    usage = _usage(said.used)
    counted = usage.pop("output_tokens"), usage.pop("output_tokens_details")
    yield _opening(model, {**usage, "output_tokens": 1})
    for index, block in enumerate(_blocks(said)):
        bare = {"type": block["type"], **{name: block[name] for name in ("id", "name") if name in block}}
        yield {"type": "content_block_start", "index": index, "content_block": bare | _BARE[block["type"]]}
        yield {"type": "ping"}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    total = {"output_tokens": counted[0], "output_tokens_details": counted[1]}
    yield {"type": "message_delta", "delta": _ending(said), "usage": total}
    yield {"type": "message_stop"}


def _opening(model: str, usage: JsonObject) -> JsonObject:
    opened = message(id="msg_emulated", model=model, stop_reason=None, usage=usage)
    return {"type": "message_start", "message": json.loads(opened)}


def _blocks(said: Said) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if said.reasoning:
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": "c2lnbmVk"})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    return blocks + [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in said.calls
    ]


def _deltas(block: JsonObject) -> Iterator[JsonObject]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        written = json.dumps(block["input"])
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces(written))


def _ending(said: Said) -> JsonObject:
    reason = "stop_sequence" if said.stopped_at else _STOP_REASONS[said.finish]
    ending: JsonObject = {"stop_reason": reason, "stop_sequence": said.stopped_at}
    if said.refusal:
        ending["stop_details"] = {"type": "refusal", "category": "general_harms", "explanation": said.refusal}
    return ending


def _usage(used: Used) -> JsonObject:
    return {
        "input_tokens": used.prompt - used.cached - used.cache_written,
        "cache_read_input_tokens": used.cached,
        "cache_creation_input_tokens": used.cache_written,
        "output_tokens": used.completion,
        "output_tokens_details": {"thinking_tokens": used.reasoning},
        "service_tier": "standard",
    }


def fail(failed: Failed) -> WireError:
    """Writes an error."""
    status, kind = _ERRORS[failed.kind]
    body = {"type": "error", "error": {"type": kind, "message": failed.message}, "request_id": "req_emulated"}
    headers = {"retry-after": failed.retry_after} if failed.retry_after else None
    return WireError(status, ErrorResponse.model_validate(body).model_dump(exclude_unset=True), headers)


def fail_in_stream(model: str, error: WireError) -> list[bytes]:
    """Writes an error where the first block should be. The SDK has no type for this event; its client looks for it."""
    return [
        _event(_opening(model, {"input_tokens": 1, "output_tokens": 1})),
        b"event: error\ndata: %b\n\n" % json.dumps(error.body).encode(),
    ]


def _event(data: JsonObject) -> bytes:
    if data["type"] == "ping":  # the SDK's type leaves it out
        return b'event: ping\ndata: {"type": "ping"}\n\n'
    checked = event(data)
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), checked.data)


ANTHROPIC = Protocol(
    "anthropic",
    "claude-sonnet-4-6",
    "x-api-key",
    unsaid=(),
    read=read,
    whole=whole,
    stream=stream,
    fail=fail,
    fail_in_stream=fail_in_stream,
)
