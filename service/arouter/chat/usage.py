"""What a call used: the one record of it, whatever the protocol and the method."""

from __future__ import annotations

from typing import Any, NamedTuple

_MOST = 2**31 - 1
"""Tokens that no call uses; more is a mistake, and no database column holds it."""


class Usage(NamedTuple):
    """Tokens that a provider says a call used; 0 where it does not say. Parts are counted in their whole too.

    Attributes:
        prompt_tokens: The prompt.
        completion_tokens: The answer, reasoning included.
        cached_tokens: Of the prompt, what was read from the provider's cache.
        cache_write_tokens: Of the prompt, what was written to it.
        reasoning_tokens: Of the answer, reasoning, whether or not it was shown.
        prompt_audio_tokens: Of the prompt, audio.
        completion_audio_tokens: Of the answer, audio.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    prompt_audio_tokens: int = 0
    completion_audio_tokens: int = 0

    def said(self) -> dict[str, int]:
        """Returns the counts by name for the log, without the parts that are zero."""
        prompt, completion, *parts = zip(self._fields, self, strict=True)
        return dict([prompt, completion, *(part for part in parts if part[1])])


def read_usage(document: Any) -> Usage | None:
    """Returns what a canonical answer's `usage` says, or None if it is no object or an empty one. Never raises.

    Args:
        document: OpenAI's usage object, as a provider wrote it: what is malformed in it counts as not said.
    """
    if not isinstance(document, dict) or not document:
        return None
    prompt = _object(document.get("prompt_tokens_details"))
    completion = _object(document.get("completion_tokens_details"))
    return Usage(
        _count(document.get("prompt_tokens")),
        _count(document.get("completion_tokens")),
        _count(prompt.get("cached_tokens")),
        _count(prompt.get("cache_write_tokens")),
        _count(completion.get("reasoning_tokens")),
        _count(prompt.get("audio_tokens")),
        _count(completion.get("audio_tokens")),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    # A boolean is an int to Python.
    return value if type(value) is int and 0 < value <= _MOST else 0
