"""OpenAI's finish reasons, and what other servers of its protocol write for them."""

from __future__ import annotations

from typing import Any

from arouter.errors import ProviderError
from arouter.providers.provider_errors import bad_response

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
"""OpenAI's words (reference, "chat completion")."""

_WORDS = {
    # huggingface/text-generation-inference, together.ai, Mistral, Anthropic- and Gemini-like servers.
    "length": ("max_tokens", "model_length", "max_length", "max_output_tokens", "model_context_window_exceeded"),
    "tool_calls": ("tool_use", "tool_call", "function_calls"),
    "content_filter": (
        "blocklist",
        "content_filtered",
        "guardrail",
        "guardrail_intervened",
        "moderation",
        "prohibited_content",
        "recitation",
        "refusal",
        "safety",
        "sensitive",
        "spii",
    ),
}
_OPENAI = {theirs: ours for ours, words in _WORDS.items() for theirs in words}

# DeepSeek (api-docs.deepseek.com), Z.ai, OpenRouter, SGLang and vLLM: the answer was broken off.
_BROKEN = frozenset({"abort", "aborted", "cancelled", "error", "insufficient_system_resource", "network_error"})


def openai_reason(reason: Any) -> str | None:
    """Returns OpenAI's word for a finish reason. An empty text, as null, says that the choice has not ended.

    A word that is not known ends the choice as `stop`, and so does a number: Poolside writes the token that ended it
    (NousResearch/hermes-agent#58374).

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE; the reason says that the answer was broken off.
    """
    if type(reason) is int:
        return "stop"
    if not isinstance(reason, str) or not reason:
        return None
    word = reason.lower()
    if word in FINISH_REASONS:
        return word
    if word in ("null", "none"):
        return None
    if word in _BROKEN:
        raise broken_off(reason)
    return _OPENAI.get(word, "stop")


def broken_off(reason: str) -> ProviderError:
    """Returns the error for an answer that the provider ended before its end, with this reason."""
    return bad_response(f"an answer that was broken off, with the reason {reason[:64]!r}")
