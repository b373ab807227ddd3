"""Estimates of the token counts of requests and responses, for use before a provider has counted them. Pure.

A tokenizer would be exact for one provider and slow for all.
"""

from __future__ import annotations

import math
from typing import Any

import orjson

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest

_MIN_BYTES_PER_TOKEN = 2
"""Minimum UTF-8 bytes per prompt token: prose has 3 to 5, code about 3, Chinese 3 to 4, random letters about 2."""

_LIKELY_BYTES_PER_TOKEN = 4
"""Average UTF-8 bytes per prompt token."""

_MESSAGE = 8
"""Overhead tokens per message."""

_MEDIA = {"image_url": 2_000, "input_audio": 10_000, "file": 50_000, "video_url": 50_000}
"""Tokens of a non-text part, whatever its size in base64: a large image, five minutes of speech, thirty pages."""

_OTHER_MEDIA = 2_000

_NOT_SAID = frozenset({"role", "id", "name"})
"""Members of a message that hold text not written by a model."""


def max_prompt_tokens(request: ChatRequest) -> int:
    """Returns an upper bound of the number of prompt tokens."""
    return _prompt_tokens(request, _MIN_BYTES_PER_TOKEN)


def likely_prompt_tokens(request: ChatRequest) -> int:
    """Returns the likely number of prompt tokens."""
    return _prompt_tokens(request, _LIKELY_BYTES_PER_TOKEN)


def delivered_size(document: Chunk) -> int:
    """Returns the number of characters of text in a chunk or a complete answer. Accepts malformed documents."""
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
    """Returns the likely number of tokens of a delivered text of `size` characters."""
    return math.ceil(size / _LIKELY_BYTES_PER_TOKEN)


def _prompt_tokens(request: ChatRequest, bytes_per_token: int) -> int:
    if request.operation != "chat":
        return sum(
            math.ceil(_size(each) / bytes_per_token) if type(each) is str else len(each) for each in request.inputs
        )
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


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _json_size(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:  # nested too deeply, so it cannot be sent either
        return 0
