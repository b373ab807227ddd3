"""Estimates of tokens, for when nobody who could count them does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_CHARACTERS = 4
"""Of a token of English text (help.openai.com: what are tokens)."""

_ATTACHMENT = 1000
"""Tokens of an image, a file or a piece of audio; of the first, OpenAI's and Anthropic's pages give 85 to 1,600."""

_DELTA_TEXTS = ("content", "reasoning_content", "refusal")


def tokens_of(characters: int) -> int:
    """Returns about how many tokens a text of that length has."""
    return -(-characters // _CHARACTERS)


def prompt_tokens(body: dict[str, Any]) -> int:
    """Returns about how many tokens the messages and tools of a canonical request have."""
    characters = sum(_length(message) for message in body["messages"])
    return tokens_of(characters + _length(body.get("tools")))


def delivered_characters(chunk: dict[str, Any]) -> int:
    """Returns how much text a canonical chunk gives to its client, the arguments of tool calls included."""
    characters = 0
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta") or {}
        for name in _DELTA_TEXTS:
            text = delta.get(name)
            if text:
                characters += len(text)
        for call in delta.get("tool_calls") or ():
            characters += _length(call.get("function"))
    return characters


def completed_characters(completion: dict[str, Any]) -> int:
    """Returns how much text a canonical completion gives to its client."""
    choices = completion.get("choices") or ()
    return delivered_characters({"choices": [{"delta": choice.get("message")} for choice in choices]})


def _length(value: Any) -> int:
    """Returns the characters of every text in a JSON value; what is attached counts flat, however long its data."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        if value.get("type") in ("image_url", "input_audio", "file"):
            return _ATTACHMENT * _CHARACTERS
        return sum(_length(item) for item in value.values())
    return sum(_length(item) for item in value) if isinstance(value, Iterable) else 0
