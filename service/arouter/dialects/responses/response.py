"""Builds the response object, and the items of its output."""

from __future__ import annotations

from typing import Any

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest

Json = dict[str, Any]

_ECHOED: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""Members that repeat the request, and their values if it has none."""

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_COUNTS = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)


def incomplete_reason(finish_reason: str | None) -> str | None:
    """Returns why a response is incomplete, or None if it is complete."""
    return _INCOMPLETE.get(finish_reason or "")


def response_object(request: ChatRequest, chunk: Chunk) -> Json:
    """Returns the response that a chunk or completion begins, without output.

    It is never stored, whatever the request asks for.
    """
    asked = request.native.body if request.native else {}
    text = asked.get("text") or {}
    reasoning = asked.get("reasoning") or {}
    response: Json = {
        "id": chunk.get("id") or "",
        "object": "response",
        "created_at": chunk.get("created") or 0,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": chunk.get("model") or "",
        "output": [],
        "previous_response_id": None,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": chunk.get("service_tier") or asked.get("service_tier") or "default",
        "store": False,
        "text": {**text, "format": text.get("format") or {"type": "text"}},
        "usage": None,
    }
    for name, default in _ECHOED.items():
        value = asked.get(name)
        response[name] = default if value is None else value
    return response


def usage_object(usage: Any) -> Json | None:
    """Returns the usage of a response; members that ARouter adds, such as `cost`, are kept."""
    if not isinstance(usage, dict) or not usage:
        return None
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    output_tokens = usage.get("completion_tokens") or 0
    input_tokens = usage.get("prompt_tokens") or 0
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {
            **prompt,
            "cached_tokens": prompt.get("cached_tokens") or 0,
            "cache_write_tokens": prompt.get("cache_write_tokens") or 0,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {**completion, "reasoning_tokens": completion.get("reasoning_tokens") or 0},
        "total_tokens": usage.get("total_tokens") or input_tokens + output_tokens,
        **{name: value for name, value in usage.items() if name not in _COUNTS},
    }


def text_part() -> Json:
    """Returns an empty text part."""
    return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def refusal_part() -> Json:
    """Returns an empty refusal part."""
    return {"type": "refusal", "refusal": ""}


def flat_annotation(annotation: Json) -> Json:
    """Returns an annotation with its members beside its type, as in the Responses API."""
    kind = annotation.get("type")
    nested = annotation.get(kind) if isinstance(kind, str) else None
    return {"type": kind, **nested} if isinstance(nested, dict) else annotation
