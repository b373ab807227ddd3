"""A provider that speaks OpenAI's Responses API; its errors and its key are those of `matrix.openai`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from emulator import Call, wire
from judges.responses import faults, response
from matrix.conversation import Asked, JsonObject, Protocol, Said, ToolCall, Used, WireError, pieces
from matrix.openai import OPENAI, result

ENCRYPTED = "gAAAAA-emulated"
"""The encrypted content of reasoning."""

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def read(call: Call) -> Asked:
    """Reads a request for a response."""
    body = call.json
    assert call.path == "/v1/responses"
    assert faults(body) == []
    assert body["store"] is False
    items = body["input"]
    said = [item for item in items if item["type"] == "message" and isinstance(item["content"], list)]
    parts = [(item["role"], part) for item in said for part in item["content"]]
    images = [part["image_url"] for _, part in parts if part["type"] == "input_image"]
    format_ = body.get("text", {}).get("format", {})
    return Asked(
        instructions=[part["text"] for role, part in parts if role == "system"],
        texts=[part["text"] for role, part in parts if role == "user" and part["type"] == "input_text"],
        images=[tuple(url.removeprefix("data:").split(";base64,")) for url in images],
        calls=[
            ToolCall(item["call_id"], item["name"], json.loads(item["arguments"]))
            for item in items
            if item["type"] == "function_call"
        ],
        results=[(item["call_id"], result(item["output"])) for item in items if item["type"] == "function_call_output"],
        tools={tool["name"]: tool["parameters"] for tool in body.get("tools", ())},
        must_call=body.get("tool_choice") == "required",
        schema=format_.get("schema"),
        effort=body.get("reasoning", {}).get("effort"),
        stop=[],
        limit=body.get("max_output_tokens"),
    )


def whole(model: str, said: Said) -> JsonObject:
    """Writes a response."""
    return _response(model, said, list(_items(said)))


def stream(model: str, said: Said) -> list[bytes]:
    """Writes its events."""
    return [
        b"event: " + event["type"].encode() + b"\n" + wire.event({"sequence_number": number, **event})
        for number, event in enumerate(_events(model, said))
    ]


def fail_in_stream(model: str, error: WireError) -> list[bytes]:
    """Writes an error after the beginning."""
    begun, *_ = stream(model, Said("x"))
    failure = {"type": "error", "sequence_number": 1, **error.body}
    return [begun, b"event: error\n" + wire.event(failure)]


def _events(model: str, said: Said) -> Iterator[JsonObject]:
    begun = {**_response(model, said, []), "status": "in_progress", "usage": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    items = list(_items(said))
    for index, item in enumerate(items):
        at = {"output_index": index, "item_id": item["id"]}
        bare = {
            "message": {"content": [], "status": "in_progress"},
            "reasoning": {"summary": []},
            "function_call": {"arguments": "", "status": "in_progress"},
        }[item["type"]]
        yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **bare}}
        if item["type"] == "message":
            for place, part in enumerate(item["content"]):
                yield from _part({**at, "content_index": place}, part)
        elif item["type"] == "reasoning":
            [part] = item["summary"]
            here = {**at, "summary_index": 0}
            empty = {**part, "text": ""}
            yield {"type": "response.reasoning_summary_part.added", **here, "part": empty}
            for piece in pieces(part["text"]):
                yield {"type": "response.reasoning_summary_text.delta", **here, "delta": piece}
            yield {"type": "response.reasoning_summary_text.done", **here, "text": part["text"]}
            yield {"type": "response.reasoning_summary_part.done", **here, "part": part}
        else:
            for piece in pieces(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield {"type": "response.function_call_arguments.done", **at, **done}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    final = _response(model, said, items)
    yield {"type": f"response.{final['status']}", "response": final}


def _part(at: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    name = "text" if part["type"] == "output_text" else "refusal"
    event = "response.output_text" if name == "text" else "response.refusal"
    logprobs: JsonObject = {"logprobs": []} if name == "text" else {}
    yield {"type": "response.content_part.added", **at, "part": {**part, name: ""}}
    for piece in pieces(part[name]):
        yield {"type": f"{event}.delta", **at, "delta": piece, **logprobs}
    yield {"type": f"{event}.done", **at, name: part[name], **logprobs}
    yield {"type": "response.content_part.done", **at, "part": part}


def _items(said: Said) -> Iterator[JsonObject]:
    if said.reasoning:
        summary = [{"type": "summary_text", "text": said.reasoning}]
        yield {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": ENCRYPTED}
    parts: list[JsonObject] = []
    if said.text:
        parts.append({"type": "output_text", "text": said.text, "annotations": [], "logprobs": []})
    if said.refusal:
        parts.append({"type": "refusal", "refusal": said.refusal})
    if parts:
        yield {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": parts}
    for number, call in enumerate(said.calls):
        named = {"name": call.name, "arguments": json.dumps(call.arguments), "call_id": call.id}
        yield {"id": f"fc_{number}", "type": "function_call", "status": "completed", **named}


def _response(model: str, said: Said, items: list[JsonObject]) -> JsonObject:
    reason = _INCOMPLETE.get(said.finish)
    document = {
        "id": "resp_emulated",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": items,
        "parallel_tool_calls": True,
        "store": False,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _usage(said.used),
    }
    response(document)
    return document


def _usage(used: Used) -> JsonObject:
    return {
        "input_tokens": used.prompt,
        "input_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": used.cache_written},
        "output_tokens": used.completion,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.prompt + used.completion,
    }


RESPONSES = Protocol(
    "openai",
    "gpt-5-pro",
    OPENAI.key_header,
    unsaid=(),
    read=read,
    whole=whole,
    stream=stream,
    fail=OPENAI.fail,
    fail_in_stream=fail_in_stream,
)
"""Its model has no chat completions."""
