"""A chunk of a streamed completion, OpenAI's JSON as a provider sent it, as a typed response.

What is missing, null or unknown is left unset, and so is what cannot be understood (`repair`): nothing here raises.
"""

from __future__ import annotations

from arouter.rpc.typed.answer import (
    MALFORMED,
    ROLE_NUMBERS,
    Fields,
    Json,
    audio,
    citations,
    function_call,
    logprobs,
    reasoning,
    tool_call,
    usage,
)
from arouter.rpc.typed.moderation import moderation
from arouter.rpc.typed.repair import repaired
from arouter.v1.chat_service_pb2 import StreamChatCompletionResponse


def chunk_to_proto(chunk: Json) -> StreamChatCompletionResponse:
    """Returns the typed form of a chunk."""
    try:
        return StreamChatCompletionResponse(**_chunk(chunk))
    except MALFORMED:
        return StreamChatCompletionResponse(**_chunk(repaired(chunk, StreamChatCompletionResponse.DESCRIPTOR)))


def _chunk(value: Json) -> Fields:
    return {
        "id": value.get("id"),
        "created": value.get("created"),
        "model": value.get("model"),
        "choices": [_choice(choice) for choice in value.get("choices") or ()],
        "usage": usage(value.get("usage")),
        "service_tier": value.get("service_tier"),
        "system_fingerprint": value.get("system_fingerprint"),
        "obfuscation": value.get("obfuscation"),
        "moderation": moderation(value.get("moderation")),
    }


def _choice(value: Json) -> Fields:
    return {
        "index": value.get("index"),
        "delta": _delta(value.get("delta") or {}),
        "finish_reason": value.get("finish_reason"),
        "logprobs": logprobs(value.get("logprobs")),
    }


def _delta(value: Json) -> Fields:
    return {
        "role": ROLE_NUMBERS.get(value.get("role") or ""),
        "content": value.get("content"),
        "reasoning_content": reasoning(value),
        "refusal": value.get("refusal"),
        "tool_calls": [_tool_call(call) for call in value.get("tool_calls") or ()],
        "audio": audio(value.get("audio")),
        "annotations": citations(value.get("annotations")),
        "function_call": function_call(value.get("function_call")),
    }


def _tool_call(value: Json) -> Fields:
    return {"index": value.get("index"), **tool_call(value)}
