"""Decides whether a provider's error means that the request does not fit into the model's context. Pure.

Agents then shorten the conversation and try again. Each agent recognises the error by OpenAI's code or by its own
vendor's wording, but few providers send either.

Sources (2026-11): OpenAI, Groq and Cerebras, "Error codes"; Anthropic, "Context windows"; Google AI, "Troubleshooting";
Mistral, xAI, Moonshot, MiniMax, DashScope and Z.ai, "Error codes"; the servers of llama.cpp, vLLM, SGLang, TGI,
TensorRT-LLM, Ollama and LM Studio; on GitHub opencode, packages/llm/src/provider-error.ts, and claude-code-router#1799.
"""

from __future__ import annotations

import re

from arouter.providers.refusals import MAX_READ

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

_PHRASES = re.compile(
    r"maximum (?:context|prompt) length|than the maximum model length of \d|too large for model with \d"
    r"|exceed(?:s|ed)? (?:\S+ ){0,4}context[ -](?:length|window|size|limit)|fit into the model's context window"
    r"|context[ -]?(?:length|window|size)(?: has been)? ?exceed|context length (?:is|of) only \d"
    r"|(?:greater|longer) than the (?:\S+ )?context length|too long to fit into the model"
    r"|(?<!negative )prompt (?:is )?too long\b|prompt 超长|input is too long for (?:the |this )?(?:requested )?model"
    r"|prompt exceeds max length|prompt length \(\d+\) exceeds maximum|exceeded model token limit"
    r"|(?:prompt|input) tokens?(?: count)?\b(?!.{0,40}\bper (?:minute|day))(?:[^.]|\.\d){0,40}\bexceed"
    r"|(?:prompt|input) tokens?(?: count)? length too long|token count is \d+ but model only supports"
    r"|too many input tokens\b|too many tokens: |input length (?:\(?\d+(?: tokens)?\)? )?exceeds (?:the )?maximum"
    r"|reduce the length of the (?:messages|prompt|input)|range of input length should be"
    r"|`inputs` (?:tokens \+|must have less than)|prompt_tokens \(\d+\) must be less than max_seq_len"
    r"|n_keep \(\d+\) >= n_ctx|exceed max message tokens|max_tokens must be at least 1, got -\d"
    r"|request body too large for \S+ model\. max size: \d+ tokens|tokens\) is too large to process",
    re.IGNORECASE,
)

_COMPLETION_ALONE = re.compile(
    r"(?:^|: )\W?max[_ ](?:(?:completion|output|new)[_ ])?tokens\W? (?:\(\d+\) )?(?:exceeds|must be less)",
    re.IGNORECASE,
)
"""The limit of the completion, whatever the prompt: a shorter prompt would be refused as well."""

_REPEATED = re.compile(r"'input':|input_value=")
"""What precedes a repeated part of the request in the errors of pydantic."""


def exceeds_context(message: str | None, marks: tuple[str | None, ...]) -> bool:
    """Returns whether an error means that the request is too long for the model.

    Args:
        message: The provider's message, or None.
        marks: Code, type and other machine-readable values of the error.
    """
    if any(mark is not None and mark.lower() in _CODES for mark in marks):
        return True
    if message is None:
        return False
    text = _REPEATED.split(message[:MAX_READ], 1)[0]
    return _PHRASES.search(text) is not None and _COMPLETION_ALONE.search(text) is None
