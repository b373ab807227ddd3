"""Rewords the error of a request that is too long for the model as Anthropic words it. Pure.

Claude Code recognises the error by this wording. It then shortens the conversation, by as much as the two numbers say;
or asks for fewer tokens, if the prompt alone fits (claude-code-router#1799).
"""

from __future__ import annotations

import re

_ANTHROPIC_WORDING = re.compile(r"prompt is too long|exceed context limit", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")

_NUMBER = r"(?<!\d)(\d{1,9})"
_LIMIT = re.compile(
    rf"maximum (?:context|prompt) length (?:is|of) {_NUMBER}|context size \({_NUMBER} tokens|must be <= {_NUMBER}"
    rf"|tokens allowed \(?{_NUMBER}"
)
_TOTAL = re.compile(rf"requested (?:about |a total of )?{_NUMBER} tokens")
_COMPLETION = re.compile(
    rf"{_NUMBER} (?:tokens )?(?:in|for) the (?:completion|output)|{_NUMBER} `max_new_tokens`|too large: {_NUMBER}"
)
_PROMPT = re.compile(
    rf"{_NUMBER} (?:tokens )?(?:in the messages|in your prompt|from the input messages)|{_NUMBER} `inputs` tokens"
    rf"|(?<!at least ){_NUMBER} input tokens|(?:resulted in|contains) {_NUMBER} tokens|request \({_NUMBER} tokens"
    rf"|token count \(?{_NUMBER}"
)
"""The prompt without its tools, if the message has several parts; then the total says more."""


def in_anthropics_words(message: str) -> str:
    """Returns the message of any vendor, preceded by Anthropic's wording unless it has that already."""
    if _ANTHROPIC_WORDING.search(message):
        return message
    plain = _THOUSANDS.sub("", message)
    limit, total, completion = _first(_LIMIT, plain), _first(_TOTAL, plain), _first(_COMPLETION, plain)
    prompt = total - completion if total and completion else _first(_PROMPT, plain)
    if limit and prompt and completion and prompt < limit < prompt + completion:
        return f"input length and `max_tokens` exceed context limit: {prompt} + {completion} > {limit}. {message}"
    if limit and prompt and prompt > limit:
        return f"prompt is too long: {prompt} tokens > {limit} maximum. {message}"
    return f"prompt is too long: {message}"


def _first(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(found[found.lastindex]) if found and found.lastindex else None
