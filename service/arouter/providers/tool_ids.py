"""Converts ids of tool calls to a format that a provider accepts, so that a conversation can switch providers.

A valid id is kept. Any other is replaced by its digest, in the call and in its result, and by the same one in each
turn, so that the provider's prompt cache still matches the conversation's prefix.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class IdFormat:
    """The format of ids that a provider accepts.

    Attributes:
        pattern: A regular expression that matches the whole id.
        prefix: The prefix of generated ids.
        length: The number of letters and digits after the prefix.
    """

    pattern: str
    prefix: str = ""
    length: int = 24

    def fits(self, id_: str) -> bool:
        """Returns whether the provider accepts an id."""
        return re.fullmatch(self.pattern, id_) is not None

    def digest(self, id_: str, count: int) -> str:
        """Returns the replacement of the `count`-th occurrence of an id."""
        number = int.from_bytes(hashlib.sha256(f"{count}:{id_}".encode("utf-8", "surrogatepass")).digest())
        letters = []
        for _ in range(self.length):
            number, place = divmod(number, len(_ALPHABET))
            letters.append(_ALPHABET[place])
        return self.prefix + "".join(letters)


# mistral-common, validators: `^[a-zA-Z0-9]{9}$`.
MISTRAL = IdFormat("[a-zA-Z0-9]{9}", length=9)
# platform.claude.com, "Tool use": letters, digits, `_` and `-`.
ANTHROPIC = IdFormat("[a-zA-Z0-9_-]{1,64}", "toolu_")
# "Expected a string with maximum length 40" (microsoft/autogen#6377, camel-ai/camel#2215).
OPENAI = IdFormat(".{1,40}", "call_")

# ai.google.dev, FunctionCall: any string. Must be unique, so that each result matches its call.
GEMINI = IdFormat("(?s:.+)", "call_")


def portable_ids(messages: Sequence[Json], format_: IdFormat) -> list[Json]:
    """Returns the messages with tool call ids that the provider accepts, unique within the conversation.

    A result belongs to the oldest call with its id that has no result yet. Modified messages are copies.
    """
    rewriter = _Rewriter(format_)
    return [rewriter.rewrite(message) for message in messages]


def has_calls(messages: Iterable[Json]) -> bool:
    """Returns whether there are tool calls or tool results."""
    return any(message.get("tool_calls") or "tool_call_id" in message for message in messages)


class _Rewriter:
    def __init__(self, format_: IdFormat) -> None:
        self._format = format_
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}
        self._open: dict[str, deque[str]] = {}
        self._latest: dict[str, str] = {}

    def rewrite(self, message: Json) -> Json:
        calls = message.get("tool_calls")
        if isinstance(calls, list) and calls:
            changed = [{**call, "id": self._begin(call["id"])} if _has_id(call) else call for call in calls]
            return {**message, "tool_calls": changed} if changed != calls else message
        id_ = message.get("tool_call_id")
        if message.get("role") == "tool" and isinstance(id_, str) and id_:
            answered = self._answer(id_)
            return {**message, "tool_call_id": answered} if answered != id_ else message
        return message

    def _begin(self, id_: str) -> str:
        count = self._counts.get(id_, 0)
        self._counts[id_] = count + 1
        new = id_ if count == 0 and self._format.fits(id_) else self._format.digest(id_, count)
        while new in self._taken:
            count += 1
            new = self._format.digest(new, count)
        self._taken.add(new)
        self._open.setdefault(id_, deque()).append(new)
        self._latest[id_] = new
        return new

    def _answer(self, id_: str) -> str:
        waiting = self._open.get(id_)
        if waiting:
            return waiting.popleft()
        # A second result of a call, or a result without a call: the provider handles it.
        return self._latest.get(id_) or (id_ if self._format.fits(id_) else self._format.digest(id_, 0))


def _has_id(call: Any) -> bool:
    # An empty id is rejected by the adapter or the provider.
    return isinstance(call, dict) and isinstance(call.get("id"), str) and call["id"] != ""
