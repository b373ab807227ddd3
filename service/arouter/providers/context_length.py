"""Decides whether a provider's 4xx means that the request does not fit into the model's context. Pure.

Agents then shorten the conversation and try again. Each recognises that by OpenAI's code or by its own vendor's words,
but few providers send either.

Sources (2026-11): OpenAI, Groq and Cerebras, "Error codes"; Anthropic, "Context windows"; Google AI, "Troubleshooting";
Mistral, xAI, Moonshot, MiniMax, DashScope and Z.ai, "Error codes"; the servers of llama.cpp, vLLM, SGLang, TGI, Ollama
and LM Studio; on GitHub opencode, packages/llm/src/provider-error.ts, and claude-code-router#1799.
"""

from __future__ import annotations

import re

_CODES = frozenset(
    {
        "context_length_exceeded",  # OpenAI, Groq, Cerebras
        "context_window_exceeded",
        "exceed_context_size_error",  # llama.cpp
        "model_max_prompt_tokens_exceeded",  # GitHub Copilot
        "tokens_limit_reached",  # GitHub Models
        "1261",  # Z.ai
        "3051",  # Mistral
    }
)
"""Codes and types, in lower case."""

_WORDS = re.compile(
    r"maximum (?:context|prompt|model|allowed input) length|too large for model with"
    r"|exceed(?:s|ed)? (?:\S+ ){0,4}context[ -](?:length|window|size|limit)|context[ -](?:length|window) exceed"
    r"|(?:greater|longer) than the (?:\S+ )?context length|context length is only \d"
    r"|prompt (?:is )?too long\b|input is too long\b|prompt exceeds max length|exceeded model token limit"
    r"|(?:token count|tokens) .{0,40}\bexceeds? the (?:maximum number of tokens|limit of \d|configured limit)"
    r"|reduce the length of the (?:messages|prompt|input)|too many (?:input )?tokens: "
    r"|range of input length should be|`inputs` (?:tokens \+|must have less than)",
    re.IGNORECASE,
)

_MAX_READ = 1000
"""Length of the searched part of a message in characters: text repeated from the request usually comes later."""


def exceeds_context(message: str | None, marks: tuple[str | None, ...]) -> bool:
    """Returns whether an error that concerns the request means that it is too long for the model.

    Args:
        message: The provider's message, or None.
        marks: Code, type and other machine-readable values of the error.
    """
    if any(mark is not None and mark.lower() in _CODES for mark in marks):
        return True
    return message is not None and _WORDS.search(message, 0, _MAX_READ) is not None
