"""What a request may take at most, before anybody has counted. Pure.

A tokenizer would be exact for one provider and slow for all. What is too much here comes back when the call is settled.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import orjson

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.models import ModelDetails, Prices

DEFAULT_COMPLETION = 4096
"""Tokens of an answer where neither the request nor what is known of the model limits them."""

_BYTES_PER_TOKEN = 2
"""UTF-8 bytes of a prompt's token, at least: prose has 3 to 5, code about 3, Chinese 3 to 4, random letters about 2."""

_LIKELY_PER_TOKEN = 4
"""The same on average."""

_MESSAGE = 8
"""Tokens around each message."""

_MEDIA = {"image_url": 2_000, "input_audio": 10_000, "file": 50_000, "video_url": 50_000}
"""Tokens of what is not text, however long it is in base64: a large image, five minutes of speech, thirty pages."""

_NOT_SAID = frozenset({"role", "id", "name"})
"""Texts of a message that no model has written."""

_OTHER_MEDIA = 2_000
_MAX_TOKENS = 2**31 - 1
_MAX_COST = 2**53
"""Nano-USD, some nine million USD: up to here Lua in Valkey counts exactly."""


class WorstCase(NamedTuple):
    """What a call takes at most.

    Attributes:
        tokens: Of prompt and answer together.
        cost: In nano-USD; 0 if the model's prices are not known.
    """

    tokens: int
    cost: int


def worst_case(request: ChatRequest, details: ModelDetails) -> WorstCase:
    """Returns what answering a request takes at most, as far as its model's details say."""
    prompt = _prompt_tokens(request, _BYTES_PER_TOKEN)
    completion = _completion_tokens(request.body, details, prompt)
    cost = 0 if details.prices is None else _dearest(details.prices, request.body, prompt, completion)
    return WorstCase(min(prompt + completion, _MAX_TOKENS), min(cost, _MAX_COST))


def likely_prompt_tokens(request: ChatRequest) -> int:
    """Returns about how many tokens a request's prompt has."""
    return _prompt_tokens(request, _LIKELY_PER_TOKEN)


def delivered_size(document: Chunk) -> int:
    """Returns how many characters of text a chunk, or a whole answer, brings. Takes whatever a provider sends."""
    size = 0
    choices = document.get("choices")
    for choice in choices if type(choices) is list else ():
        piece = (choice.get("delta") or choice.get("message")) if type(choice) is dict else None
        if type(piece) is dict:
            for name, value in piece.items():
                if type(value) is str and name not in _NOT_SAID:
                    size += len(value)
                elif name == "tool_calls" and value:
                    size += _json_size(value)
    return size


def delivered_tokens(size: int) -> int:
    """Returns about how many tokens a delivered text of `size` characters was."""
    return math.ceil(size / _LIKELY_PER_TOKEN)


def _prompt_tokens(request: ChatRequest, bytes_per_token: int) -> int:
    body = request.body
    size = tokens = 0
    for message in body["messages"]:
        tokens += _MESSAGE
        for name, value in message.items():
            if type(value) is str:
                size += _size(value)
            elif name == "content" and value:
                for part in value:
                    text = part.get("text")
                    if type(text) is str:
                        size += _size(text)
                    else:
                        tokens += _MEDIA.get(part["type"], _OTHER_MEDIA)
            elif value:
                size += _json_size(value)
    for name in ("tools", "functions", "response_format", "prediction"):
        if value := body.get(name):
            size += _json_size(value)
    return tokens + math.ceil(size / bytes_per_token)


def _completion_tokens(body: dict[str, Any], details: ModelDetails, prompt: int) -> int:
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    if asked and asked > 0:
        one: int = asked
    elif details.max_output_tokens is not None:
        one = details.max_output_tokens
    elif details.context_length is not None:
        one = max(details.context_length - prompt, 1)
    else:
        one = DEFAULT_COMPLETION
    choices: int = body.get("n") or 1
    return min(one * max(choices, 1), _MAX_TOKENS)


def _dearest(prices: Prices, body: dict[str, Any], prompt: int, completion: int) -> int:
    """Returns the cost in nano-USD at the dearest rates that may apply: cheaper ones are known only afterwards."""
    rates = [prices, *(tier for tier in prices.tiers if tier.above < prompt)]
    per_prompt = max(max(rate.prompt, rate.cache_write or 0, rate.prompt_audio or 0) for rate in rates)
    audio = "audio" in (body.get("modalities") or ())
    per_completion = max(max(rate.completion, (rate.completion_audio or 0) if audio else 0) for rate in rates)
    # USD per million tokens are 1,000 nano-USD per token.
    return math.ceil((prompt * per_prompt + completion * per_completion) * 1000)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _json_size(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:  # nested too deeply: it will not be sent either
        return 0
