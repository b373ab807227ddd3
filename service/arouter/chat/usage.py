"""What a call used: the one record of it, whatever the protocol and the method."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_TOKENS = 2**31 - 1
"""Tokens that no call uses; more is a mistake, and no database column holds it."""

_NO_DETAILS: dict[str, Any] = {}


class Usage(NamedTuple):
    """Tokens that a call used; 0 where its provider does not say. Parts are counted in their whole too.

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
    return read_counts(document)[0]


def read_counts(document: Any) -> tuple[Usage | None, bool]:
    """Returns what `read_usage` does, and whether it counts the prompt and the answer with nothing malformed in it."""
    if not isinstance(document, dict) or not document:
        return None, False
    prompt, completion = document.get("prompt_tokens_details"), document.get("completion_tokens_details")
    are_objects = True
    if not isinstance(prompt, dict):
        are_objects, prompt = prompt is None, _NO_DETAILS
    if not isinstance(completion, dict):
        are_objects, completion = are_objects and completion is None, _NO_DETAILS
    values = [
        document.get("prompt_tokens"),
        document.get("completion_tokens"),
        prompt.get("cached_tokens"),
        prompt.get("cache_write_tokens"),
        completion.get("reasoning_tokens"),
        prompt.get("audio_tokens"),
        completion.get("audio_tokens"),
        document.get("total_tokens"),
    ]
    # A boolean is an int to Python.
    counts = [value if type(value) is int and 0 <= value <= MAX_TOKENS else None for value in values]
    exact = are_objects and counts == values and counts[0] is not None and counts[1] is not None
    return Usage(*[count or 0 for count in counts[:-1]]), exact


def is_count(value: Any) -> bool:
    """Says whether a JSON value is a number of tokens that a call can use."""
    return type(value) is int and 0 <= value <= MAX_TOKENS


def sum_counts(*values: Any) -> int | None:
    """Returns the sum of counts, those that are null left out. None if all are, or if one is malformed."""
    said = [value for value in values if value is not None]
    return sum(said) if said and all(map(is_count, said)) else None


def estimate_document(usage: Usage) -> dict[str, Any]:
    """Returns OpenAI's usage object for an estimate. `estimated`, which says so, is an extension."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": min(usage.prompt_tokens + usage.completion_tokens, MAX_TOKENS),
        "estimated": True,
    }
