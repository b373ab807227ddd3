"""Converts a chunk of a streamed completion, OpenAI's JSON as sent by a provider, to a typed response.

Missing, null and malformed members are left unset (`repair`). Never raises.
"""

from __future__ import annotations

from arouter.rpc.typed.answer import (
    MALFORMED,
    ROLE_NUMBERS,
    Fields,
    Json,
    audio,
    citations,
    extra_fields,
    function_call,
    known_fields,
    logprobs,
    reasoning,
    tool_call,
    usage,
)
from arouter.rpc.typed.moderation import moderation
from arouter.rpc.typed.repair import repaired
from arouter.v1.chat_completion_pb2 import MessageDelta, StreamChoice
from arouter.v1.chat_service_pb2 import StreamChatCompletionResponse

# A provider's `route` is not the router's.
_CHUNK = known_fields(StreamChatCompletionResponse.DESCRIPTOR, "object") - {"route"}
_CHOICE = known_fields(StreamChoice.DESCRIPTOR)
_DELTA = known_fields(MessageDelta.DESCRIPTOR, "reasoning")


def chunk_to_proto(chunk: Json) -> StreamChatCompletionResponse:
    """Returns the typed form of a chunk."""
    try:
        return StreamChatCompletionResponse(**_chunk(chunk))
    except MALFORMED:
        return StreamChatCompletionResponse(**_chunk(repaired(chunk, StreamChatCompletionResponse.DESCRIPTOR)))


def _chunk(value: Json) -> Fields:
    fields = {
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
    if not _CHUNK.issuperset(value):
        fields["extra_fields_json"] = extra_fields(value, _CHUNK)
    return fields


def _choice(value: Json) -> Fields:
    fields = {
        "index": value.get("index"),
        "delta": _delta(value.get("delta") or {}),
        "finish_reason": value.get("finish_reason"),
        "logprobs": logprobs(value.get("logprobs")),
    }
    if not _CHOICE.issuperset(value):
        fields["extra_fields_json"] = extra_fields(value, _CHOICE)
    return fields


def _delta(value: Json) -> Fields:
    fields = {
        "role": ROLE_NUMBERS.get(value.get("role") or ""),
        "content": value.get("content"),
        "reasoning_content": reasoning(value),
        "refusal": value.get("refusal"),
        "tool_calls": [_tool_call(call) for call in value.get("tool_calls") or ()],
        "audio": audio(value.get("audio")),
        "annotations": citations(value.get("annotations")),
        "function_call": function_call(value.get("function_call")),
    }
    if not _DELTA.issuperset(value):
        fields["extra_fields_json"] = extra_fields(value, _DELTA)
    return fields


def _tool_call(value: Json) -> Fields:
    return {"index": value.get("index"), **tool_call(value)}
