"""The token usage of a call, independent of protocol and method."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_TOKENS = 2**31 - 1
"""Maximum plausible number of tokens of a call. A larger number is a provider's mistake and fits in no database
column."""

_NO_DETAILS: dict[str, Any] = {}


class Usage(NamedTuple):
    """Token usage of a call; 0 if the provider does not report a count. Parts are also included in their totals.

    Attributes:
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens of the completion, including reasoning.
        cached_tokens: Prompt tokens read from the provider's cache.
        cache_write_tokens: Prompt tokens written to the cache.
        reasoning_tokens: Completion tokens spent on reasoning, visible or not.
        prompt_audio_tokens: Audio tokens of the prompt.
        completion_audio_tokens: Audio tokens of the completion.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    prompt_audio_tokens: int = 0
    completion_audio_tokens: int = 0

    def said(self) -> dict[str, int]:
        """Returns the counts by name for the log, without optional parts that are zero."""
        prompt, completion, *parts = self
        said = {"prompt_tokens": prompt, "completion_tokens": completion}
        if any(parts):
            said |= {name: part for name, part in zip(self._fields[2:], parts, strict=True) if part}
        return said


def read_usage(document: Any) -> Usage | None:
    """Parses the `usage` of a canonical response; returns None if it is not an object or is empty. Never raises.

    Args:
        document: OpenAI's usage object as sent by a provider. Malformed members are treated as absent.
    """
    return read_counts(document)[0]


def read_counts(document: Any) -> tuple[Usage | None, bool]:
    """Like `read_usage`; also returns whether prompt and completion are counted and no member is malformed."""
    if type(document) is not dict or not document:
        return None, False
    prompt, completion = document.get("prompt_tokens_details"), document.get("completion_tokens_details")
    are_objects = True
    if type(prompt) is not dict:
        are_objects, prompt = prompt is None, _NO_DETAILS
    if type(completion) is not dict:
        are_objects, completion = are_objects and completion is None, _NO_DETAILS
    cached = written = reasoning = heard = spoken = None
    if prompt:
        cached, written = prompt.get("cached_tokens"), prompt.get("cache_write_tokens")
        heard = prompt.get("audio_tokens")
    if completion:
        reasoning, spoken = completion.get("reasoning_tokens"), completion.get("audio_tokens")
    said, answered = document.get("prompt_tokens"), document.get("completion_tokens")
    values = [said, answered, cached, written, reasoning, heard, spoken, document.get("total_tokens")]
    # A JSON boolean is an int in Python.
    counts = [value if type(value) is int and 0 <= value <= MAX_TOKENS else None for value in values]
    exact = are_objects and counts == values and counts[0] is not None and counts[1] is not None
    return Usage(*[count or 0 for count in counts[:-1]]), exact


def is_count(value: Any) -> bool:
    """Returns whether a JSON value is a plausible number of tokens."""
    return type(value) is int and 0 <= value <= MAX_TOKENS


def sum_counts(*values: Any) -> int | None:
    """Returns the sum of counts, ignoring nulls; None if all are null or any is malformed."""
    said = [value for value in values if value is not None]
    return sum(said) if said and all(map(is_count, said)) else None


def estimate_document(usage: Usage) -> dict[str, Any]:
    """Returns OpenAI's usage object for an estimate. The member `estimated` is an extension."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": min(usage.prompt_tokens + usage.completion_tokens, MAX_TOKENS),
        "estimated": True,
    }
