"""Streams of chat completions with everything that accumulators must put together."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format

from arouter.v1.chat_service_pb2 import StreamChatCompletionResponse


def _stream(*chunks: dict[str, Any]) -> list[StreamChatCompletionResponse]:
    return [json_format.ParseDict(chunk, StreamChatCompletionResponse()) for chunk in chunks]


def _deltas(*deltas: dict[str, Any]) -> list[StreamChatCompletionResponse]:
    return _stream(*({"choices": [{"delta": delta}]} for delta in deltas))


def _extra(*objects: dict[str, Any]) -> list[StreamChatCompletionResponse]:
    return _deltas(*({"extra_fields_json": json.dumps(each)} for each in objects))


CASES: list[list[StreamChatCompletionResponse]] = [
    [],
    _stream(
        {"id": "gen-1", "created": 5, "model": "m", "route": {"attempts": [{"model": "m", "result": "ok"}]}},
        {"choices": [{"delta": {"role": "ROLE_ASSISTANT", "content": ""}}]},
        {"choices": [{"delta": {"content": "grüße "}}], "service_tier": "flex"},
        {"choices": [{"delta": {"content": "🙂"}, "finish_reason": "stop"}], "system_fingerprint": "fp"},
        {"id": "gen-1", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.5}},
    ),
    # Several choices, interleaved and out of order.
    _stream(
        {"choices": [{"index": 2, "delta": {"content": "c"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 2, "delta": {"content": "C"}}]},
        {"choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": "length"}]},
        {"choices": [{"index": 2, "delta": {}, "finish_reason": "stop"}]},
    ),
    # Tool calls, interleaved, out of order and with a gap.
    _deltas(
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "two", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "one", "arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}, {"index": 0, "function": {"arguments": ":1}"}}]},
        {"tool_calls": [{"index": 7, "id": "c", "custom": {"name": "three", "input": "in"}}]},
        {"tool_calls": [{"index": 7, "custom": {"input": "put"}, "extra_fields_json": '{"signature":"ab"}'}]},
        {"tool_calls": [{"index": 7, "extra_fields_json": '{"signature":"cd","type":"x"}'}]},
    ),
    _deltas(
        {"reasoning_content": "Let me"},
        {"reasoning_content": " think.", "refusal": ""},
        {"refusal": "No", "content": ""},
        {"refusal": "."},
    ),
    _deltas(
        {"audio": {"id": "au", "data": "QUI=", "transcript": "He"}},
        {"audio": {"data": "Qw==", "transcript": "llo"}},
        {"audio": {"expires_at": 9}, "annotations": [{"url_citation": {"url": "u", "end_index": 3}}]},
        {"annotations": [{"url_citation": {"url": "v"}}]},
        {"function_call": {"name": "old", "arguments": "{"}},
        {"function_call": {"arguments": "}"}},
    ),
    _stream(
        {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": -0.5}]}}]},
        {"choices": [{"delta": {}, "logprobs": {"content": [{"token": "b"}], "refusal": [{"token": "c"}]}}]},
        {"choices": [{"delta": {}, "extra_fields_json": '{"native":"a","x":null}'}], "extra_fields_json": '{"a":1}'},
        {"choices": [{"delta": {}, "extra_fields_json": '{"native":"b"}'}], "extra_fields_json": '{"b":[2]}'},
    ),
    # One piece stays as it is.
    _deltas({"extra_fields_json": '{ "b": 1.0, "a": 12345678901234567890 }'}),
    _extra(
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "Let", "id": "r", "format": "f"}]},
        {"reasoning_details": [{"index": 1, "type": "reasoning.text", "text": "Or"}, {"text": "no index"}]},
        {"reasoning_details": [{"index": 0, "type": "reasoning.text", "text": " me", "id": "r", "signature": None}]},
        {"reasoning_details": [{"index": 0, "signature": "sig"}, {"index": 1, "text": " not"}, "loose"]},
    ),
    _extra(
        {"list": [1], "number": 1, "text": "a", "kept": "k", "object": {"deep": {"s": "x", "none": None}}},
        {"list": [2, [3]], "number": 2, "text": None, "kept": None, "object": {"deep": {"s": "y"}}},
        {"list": "now text", "number": [1], "text": {"now": "object"}, "object": 1, "__proto__": {"a": "b"}},
        {"__proto__": {"a": "c"}, "constructor": "x"},
    ),
]
"""The chunks of each."""
