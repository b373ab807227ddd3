"""Converts a complete completion, OpenAI's JSON as sent by a provider, to a typed response.

Missing, null and malformed members are left unset (`repair`). Never raises. The provider's adapter rejects
responses that are not completions at all.
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
from arouter.v1.chat_completion_pb2 import Choice
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT, ChatMessage
from arouter.v1.chat_service_pb2 import ChatCompletionResponse

# A provider's `route` is not the router's.
_COMPLETION = known_fields(ChatCompletionResponse.DESCRIPTOR, "object") - {"route"}
_CHOICE = known_fields(Choice.DESCRIPTOR)
_MESSAGE = known_fields(ChatMessage.DESCRIPTOR, "reasoning")


def completion_to_proto(completion: Json) -> ChatCompletionResponse:
    """Returns the typed form of a completion."""
    try:
        return ChatCompletionResponse(**_completion(completion))
    except MALFORMED:
        return ChatCompletionResponse(**_completion(repaired(completion, ChatCompletionResponse.DESCRIPTOR)))


def _completion(value: Json) -> Fields:
    return {
        "id": value.get("id"),
        "created": value.get("created"),
        "model": value.get("model"),
        "choices": [_choice(choice) for choice in value.get("choices") or ()],
        "usage": usage(value.get("usage")),
        "service_tier": value.get("service_tier"),
        "system_fingerprint": value.get("system_fingerprint"),
        "metadata": value.get("metadata"),
        "moderation": moderation(value.get("moderation")),
        "extra_fields_json": extra_fields(value, _COMPLETION),
    }


def _choice(value: Json) -> Fields:
    return {
        "index": value.get("index"),
        "message": _message(value.get("message") or {}),
        "finish_reason": value.get("finish_reason"),
        "logprobs": logprobs(value.get("logprobs")),
        "extra_fields_json": extra_fields(value, _CHOICE),
    }


def _message(value: Json) -> Fields:
    return {
        "role": ROLE_NUMBERS.get(value.get("role") or "", ROLE_ASSISTANT),
        "content": value.get("content"),
        "name": value.get("name"),
        "refusal": value.get("refusal"),
        "reasoning_content": reasoning(value),
        "tool_calls": [tool_call(call) for call in value.get("tool_calls") or ()],
        "audio": audio(value.get("audio")),
        "annotations": citations(value.get("annotations")),
        "function_call": function_call(value.get("function_call")),
        "extra_fields_json": extra_fields(value, _MESSAGE),
    }
