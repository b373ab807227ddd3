"""What a call used: the one record of it, whatever the protocol and the method."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_TOKENS = 2**31 - 1
"""Tokens that no call uses; more is a mistake, and no database column holds it."""

_PROMPT_PARTS = ("cached_tokens", "cache_write_tokens", "audio_tokens")
_COMPLETION_PARTS = ("reasoning_tokens", "audio_tokens")
_PARTS = (("prompt_tokens_details", _PROMPT_PARTS), ("completion_tokens_details", _COMPLETION_PARTS))
_NOTHING_SAID = (0, 0, 0)


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
    if type(document) is not dict or not document:
        return None
    prompt: tuple[int, ...] = _NOTHING_SAID
    completion: tuple[int, ...] = _NOTHING_SAID
    if "prompt_tokens_details" in document:
        prompt = _counts(document["prompt_tokens_details"], _PROMPT_PARTS)
    if "completion_tokens_details" in document:
        completion = _counts(document["completion_tokens_details"], _COMPLETION_PARTS)
    return Usage(
        _count(document, "prompt_tokens"),
        _count(document, "completion_tokens"),
        prompt[0],
        prompt[1],
        completion[0],
        prompt[2],
        completion[1],
    )


def is_exact(document: Any) -> bool:
    """Says whether an answer's `usage` counts the prompt and the answer, and nothing in it is malformed."""
    if type(document) is not dict:
        return False
    if "prompt_tokens" not in document or "completion_tokens" not in document:
        return False
    prompt, completion = document["prompt_tokens"], document["completion_tokens"]
    total = document.get("total_tokens")
    if not (is_count(prompt) and is_count(completion) and (total is None or is_count(total))):
        return False
    return all(not (name in document and not _are_counts(document[name], parts)) for name, parts in _PARTS)


def is_count(value: Any) -> bool:
    """Says whether a JSON value is a number of tokens that a call can use."""
    # A boolean is an int to Python.
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
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "estimated": True,
    }


def _are_counts(details: Any, names: tuple[str, ...]) -> bool:
    if details is None:
        return True
    if type(details) is not dict:
        return False
    return all(not (name in details and (value := details[name]) is not None and not is_count(value)) for name in names)


def _counts(details: Any, names: tuple[str, ...]) -> tuple[int, ...]:
    if type(details) is not dict:
        return _NOTHING_SAID
    return tuple([_count(details, name) for name in names])


def _count(holder: dict[str, Any], name: str) -> int:
    if name not in holder:
        return 0
    value = holder[name]
    # A boolean is an int to Python.
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else 0
