"""Translates how a response ended and what it used: what complete and streamed responses share."""

from __future__ import annotations

from typing import Any

from arouter.chat.request import ChatRequest
from arouter.chat.usage import Usage, read_usage

Json = dict[str, Any]

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_NATIVE_STOP_REASONS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "model_context_window_exceeded",
        "pause_turn",
        "refusal",
        "stop_sequence",
        "tool_use",
    }
)
_SERVICE_TIERS = {"default": "standard", "standard": "standard", "priority": "priority"}


def ending(choice: Json, request: ChatRequest, *, called: bool, refused: bool, explanation: str | None) -> Json:
    """Returns `stop_reason`, `stop_sequence` and, for a refusal, `stop_details`.

    Args:
        choice: The canonical choice with the finish reason.
        request: The request, for its stop sequences.
        called: Whether the response has tool calls.
        refused: Whether the model refused in words, which are the text of the response.
        explanation: Why the provider stopped the response, if it says so.
    """
    reason, native = choice.get("finish_reason"), choice.get("native_finish_reason")
    sequence = choice.get("stop_reason")  # vLLM's: the text that was found
    if not (isinstance(sequence, str) and sequence in (request.body.get("stop") or ())):
        sequence = None
    if called and reason != "length":
        stop_reason = "tool_use"
    elif sequence is not None:
        stop_reason = "stop_sequence"
    elif native in _NATIVE_STOP_REASONS:
        stop_reason = str(native)
    elif refused:
        stop_reason = "refusal"
    else:
        stop_reason = _STOP_REASONS.get(str(reason), "end_turn")
    ended: Json = {"stop_reason": stop_reason, "stop_sequence": sequence}
    if stop_reason == "refusal":
        ended["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
    return ended


def encode_usage(usage: Any, service_tier: Any = None) -> Json:
    """Returns Anthropic's usage, whose input tokens exclude those read from and written to the cache.

    Args:
        usage: OpenAI's, or None if the provider reports none: its counts are then 0, because clients require them.
        service_tier: OpenAI's, if known.
    """
    counts = read_usage(usage) or Usage()
    encoded: Json = {
        "input_tokens": max(counts.prompt_tokens - counts.cached_tokens - counts.cache_write_tokens, 0),
        "cache_creation_input_tokens": counts.cache_write_tokens,
        "cache_read_input_tokens": counts.cached_tokens,
        "output_tokens": counts.completion_tokens,
    }
    if counts.reasoning_tokens:
        encoded["output_tokens_details"] = {"thinking_tokens": counts.reasoning_tokens}
    if (tier := _SERVICE_TIERS.get(str(service_tier))) is not None:
        encoded["service_tier"] = tier
    return encoded
