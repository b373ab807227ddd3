"""OpenAI's finish reasons, and those of other servers with its protocol."""

from __future__ import annotations

from typing import Any

from arouter.errors import ProviderError
from arouter.providers.provider_errors import bad_response

FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
"""OpenAI's values (reference, "chat completion")."""

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

# DeepSeek (api-docs.deepseek.com), Z.ai, OpenRouter, SGLang and vLLM: the answer was aborted.
_BROKEN = frozenset({"abort", "aborted", "cancelled", "error", "insufficient_system_resource", "network_error"})


def openai_reason(reason: Any) -> str | None:
    """Maps a finish reason to OpenAI's. Null or an empty string means that the choice has not ended.

    Unknown reasons are mapped to `stop`, and so are numbers: Poolside sends the id of the last token
    (NousResearch/hermes-agent#58374).

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if the reason means that the answer was aborted.
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
    """Returns the error for a response that the provider aborted with this reason."""
    return bad_response(f"a response that was aborted with the reason {reason[:64]!r}")
