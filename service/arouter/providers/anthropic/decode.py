"""Decodes a complete Messages API response to a chat completion; also has what streams share with it."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.chat.usage import sum_counts
from arouter.providers.anthropic.reasoning_details import format_of, from_block
from arouter.providers.anthropic.unchecked import Json
from arouter.providers.lenient import object_in, objects
from arouter.providers.provider_errors import bad_response, too_deep

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_SERVICE_TIERS = {"standard": "default", "priority": "priority"}


def decode_message(answer: Json) -> Json:
    """Returns the completion in a response.

    Blocks of types that our requests do not ask for are ignored.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE.
    """
    content, stop_reason = answer.get("content"), answer.get("stop_reason")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise bad_response("a response without content")
    if not isinstance(stop_reason, str):
        raise bad_response("a response without a stop reason")
    message = _message(content, format_of(string(answer, "model")))
    refusal = refusal_of(answer)
    if refusal is not None:
        message["refusal"] = refusal
    choice: Json = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(stop_reason, called="tool_calls" in message),
        "native_finish_reason": stop_reason,
    }
    completion = {**envelope(answer), "object": "chat.completion", "choices": [choice]}
    usage = decode_usage(answer.get("usage"))
    if usage is not None:
        completion["usage"] = usage
    return completion


def _message(content: list[Json], reasoning_format: str) -> Json:
    text, thoughts = "", ""
    details: list[Json] = []
    calls: list[Json] = []
    annotations: list[Json] = []
    for place, block in enumerate(content):
        kind = block.get("type")
        if kind == "text":
            start, text = len(text), text + string(block, "text")
            annotations += [annotation(each, start, len(text)) for each in objects(block.get("citations"))]
        elif kind in ("thinking", "redacted_thinking"):
            thoughts += string(block, "thinking")
            detail = from_block(block, reasoning_format, len(details), place)
            details += [detail] if detail else []
        elif kind == "tool_use":
            function = {"name": string(block, "name"), "arguments": arguments(block.get("input"))}
            calls.append({"id": string(block, "id"), "type": "function", "function": function})
    message: Json = {"role": "assistant", "content": text or None, "refusal": None}
    extras = {"annotations": annotations, "reasoning_content": thoughts, "reasoning_details": details}
    message |= {field: value for field, value in extras.items() if value}
    if calls:
        message["tool_calls"] = calls
    return message


def envelope(answer: Json) -> Json:
    """Returns the fields that a completion and all its chunks begin with."""
    fields: Json = {"id": string(answer, "id"), "model": string(answer, "model")}
    usage = answer.get("usage")
    tier = usage.get("service_tier") if isinstance(usage, dict) else None
    if isinstance(tier, str):
        fields["service_tier"] = _SERVICE_TIERS.get(tier, tier)
    return fields


def finish_reason(stop_reason: str, *, called: bool) -> str:
    """Returns OpenAI's finish reason. It is `tool_calls` if a tool was called, even if the server sends another one."""
    reason = _FINISH_REASONS.get(stop_reason, "stop")
    return "tool_calls" if called and reason == "stop" else reason


def refusal_of(holder: Json) -> str | None:
    """Returns Anthropic's explanation of why it stopped a response, if any."""
    details = holder.get("stop_details")
    if not isinstance(details, dict) or details.get("type") != "refusal":
        return None
    return string(details, "explanation") or None


def decode_usage(usage: Any) -> Json | None:
    """Returns OpenAI's usage, whose prompt includes tokens read from and written to the cache.

    Malformed counts are kept, and their sums become null, so that billing can detect them.
    """
    if not isinstance(usage, dict) or not usage:
        return None
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    prompt, completion = sum_counts(usage.get("input_tokens"), read, written), usage.get("output_tokens")
    decoded: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": sum_counts(prompt, completion),
        "prompt_tokens_details": {"cached_tokens": read or 0, "cache_write_tokens": written or 0},
    }
    details = usage.get("output_tokens_details")
    if isinstance(details, dict):
        decoded["completion_tokens_details"] = {"reasoning_tokens": details.get("thinking_tokens") or 0}
    return decoded


def annotation(citation: Json, start: int, end: int) -> Json:
    """Returns the annotation for a citation of the text from `start` to `end`.

    A citation of a web page becomes OpenAI's `url_citation`; one of a document keeps all of Anthropic's fields.
    """
    url = citation.get("url") or citation.get("source")
    if isinstance(url, str):
        title = string(citation, "title")
        cited = {
            "url": url,
            "title": title,
            "start_index": start,
            "end_index": end,
            "content": string(citation, "cited_text"),
        }
        return {"type": "url_citation", "url_citation": cited}
    return {"type": "file_citation", "file_citation": {**citation, "start_index": start, "end_index": end}}


def arguments(value: Any) -> str:
    """Returns a tool call's input as JSON text, as in OpenAI's format.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is nested too deeply.
    """
    try:
        return orjson.dumps(object_in(value)).decode()
    except orjson.JSONEncodeError as error:
        raise too_deep() from error


def string(holder: Json, field: str) -> str:
    """Returns a string member, or an empty string if it is missing."""
    value = holder.get(field)
    return value if isinstance(value, str) else ""
