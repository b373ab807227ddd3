"""Normalizes answers of the `openai` protocol to the shape that OpenAI's reference requires.

Answers get all required members; choices of chunks get an `index`, a `delta` and, once each, a role. Valid answers are
not modified. The router sets `id`, `object`, `model` and `created`.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.usage import sum_counts
from arouter.providers.finish_reasons import FINISH_REASONS, openai_reason
from arouter.providers.provider_errors import bad_response
from arouter.providers.tool_calls import ToolCallPieces, whole_calls

Json = dict[str, Any]

_CONTENT = frozenset({str, type(None)})
_ROLE = "assistant"


def normalize_completion(completion: Json) -> None:
    """Completes a response in place: `index`, `message`, its `role` and `content`, `finish_reason`.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if no choice has a message, or the finish reason means that it was aborted.
    """
    choices = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        raise bad_response("a response without choices")
    for place, choice in enumerate(choices):
        if _is_whole(choice, place):
            continue
        if not isinstance(choice, dict):
            raise bad_response("a response without choices")
        message = choice.get("message") or choice.pop("delta", None)
        if not isinstance(message, dict):
            raise bad_response("a choice without a message")
        choice["index"] = index_of(choice, place)
        choice["message"] = _whole_message(message)
        reason = openai_reason(choice.get("finish_reason")) or "stop"
        has_calls = bool(choice["message"].get("tool_calls"))
        choice["finish_reason"] = "tool_calls" if has_calls and reason == "stop" else reason
    reported = completion.get("usage")
    if type(reported) is dict and "total_tokens" in reported:
        return
    usage = take_usage(completion)
    if usage is not None or reported:
        # Malformed counts are estimated by the router.
        completion["usage"] = reported if usage is None else usage


def _is_whole(choice: Any, place: int) -> bool:
    """Returns whether a choice is text with all required members, as most are."""
    if type(choice) is not dict or "message" not in choice or "finish_reason" not in choice or "index" not in choice:
        return False
    message = choice["message"]
    return (
        type(message) is dict
        and choice["index"] == place
        and choice["finish_reason"] == "stop"
        and "role" in message
        and message["role"] == _ROLE
        and "content" in message
        and type(message["content"]) is str
        and "tool_calls" not in message
        and "function_call" not in message
    )


def take_usage(answer: Json) -> Json | None:
    """Removes usage from a response or chunk and returns it; None if there is none.

    Some servers send it in the last chunk with choices, some in each; Groq in `x_groq`, Moonshot in a choice
    (vercel/ai#1651, earendil-works/pi#2017).
    """
    usage = answer.pop("usage") if "usage" in answer else None
    if not usage and "x_groq" in answer and isinstance(answer["x_groq"], dict):
        usage = answer["x_groq"].get("usage")
    if not usage:
        for choice in answer.get("choices") or ():
            if "usage" in choice:
                usage = choice.pop("usage") or usage
    if not isinstance(usage, dict) or not usage:
        return None
    if usage.get("total_tokens") is None:
        total = sum_counts(usage.get("prompt_tokens"), usage.get("completion_tokens"))
        if total is not None:
            usage["total_tokens"] = total
    return usage


def _whole_message(message: Json) -> Json:
    repaired = {"role": _ROLE, "content": None, **message}
    repaired["role"] = _ROLE
    _repair_content(repaired)
    if "tool_calls" in repaired:
        calls = whole_calls(repaired.pop("tool_calls"))
        if calls:
            repaired["tool_calls"] = calls
    if repaired.get("function_call") is None:
        repaired.pop("function_call", None)
    return repaired


class ChunkNormalizer:
    """Repairs the chunks of one stream.

    Attributes:
        finished: Whether any choice has ended.
    """

    __slots__ = ("_open", "_roles", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._roles: dict[int, ToolCallPieces] = {}
        self._open: set[int] = set()

    @property
    def unfinished(self) -> bool:
        """Whether any choice has begun but not ended."""
        return bool(self._open)

    def normalize(self, choices: list[Any]) -> list[Json]:
        """Returns the choices of a chunk in OpenAI's shape, repaired in place.

        Raises:
            ProviderError: PROVIDER_BAD_RESPONSE if a choice is not an object or has no delta, or its finish reason
            means that the answer was aborted.
        """
        roles = self._roles
        for place, choice in enumerate(choices):
            # Subscripts without function calls: this runs for every chunk, and nearly all are valid.
            try:
                delta, index = choice["delta"], choice["index"]
                # A boolean is an int in Python, and `1.0` equals `1` as a key.
                clean = (
                    choice["finish_reason"] is None
                    and type(delta) is dict
                    and type(index) is int
                    and index in roles
                    and "message" not in choice
                )
            except (KeyError, TypeError):
                clean = False
            if clean and len(delta) == 1 and type(delta.get("content")) is str:
                continue
            if not clean or not self._is_clean(delta, index):
                self._repair(choice, place)
        return choices

    def _is_clean(self, delta: Json, index: int) -> bool:
        """Returns whether a delta in the middle of a choice needs no repair."""
        if "content" in delta and type(delta["content"]) not in _CONTENT:
            return False
        if "role" in delta or "function_call" in delta:
            return False
        return "tool_calls" not in delta or self._roles[index].take_clean(delta["tool_calls"])

    def _repair(self, choice: Any, place: int) -> None:
        if not isinstance(choice, dict):
            raise bad_response("a choice that is not an object")
        index = choice["index"] = index_of(choice, place)
        # Some servers repeat the complete message so far, beside the delta or in its place in the last chunk (MiniMax,
        # Perplexity). Azure's content filter reports in choices with neither.
        message = choice.pop("message", None)
        delta = choice.get("delta")
        if delta is None:
            delta = {} if index in self._roles else message or {}
        if not isinstance(delta, dict):
            raise bad_response("a choice whose delta is not an object")
        choice["delta"] = self._repair_delta(index, delta)
        choice["finish_reason"] = self._end(index, choice)

    def _repair_delta(self, index: int, delta: Json) -> Json:
        pieces = self._roles.get(index)
        repaired = {name: value for name, value in delta.items() if name not in ("role", "tool_calls")}
        if pieces is None:
            pieces = self._roles[index] = ToolCallPieces()
            self._open.add(index)
            repaired = {"role": _ROLE, **repaired}
        _repair_content(repaired)
        if repaired.get("function_call", repaired) is None:
            del repaired["function_call"]
        if calls := pieces.take(delta.get("tool_calls")):
            repaired["tool_calls"] = calls
        return repaired

    def _end(self, index: int, choice: Json) -> str | None:
        reason = choice.get("finish_reason")
        if reason not in FINISH_REASONS if isinstance(reason, str) else reason is not None:
            reason = openai_reason(reason)
        if reason is None:
            return None
        self.finished = True
        pieces = self._roles[index]
        if index in self._open:
            self._open.discard(index)
            if empty_calls := pieces.empty_calls():
                choice["delta"]["tool_calls"] = [*choice["delta"].get("tool_calls", ()), *empty_calls]
        return "tool_calls" if pieces and reason == "stop" else reason


def index_of(choice: Json, place: int) -> int:
    """Returns a choice's index; its position if the server sent none.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if the index is not a number.
    """
    index = choice.get("index")
    if index is None:
        return place
    if type(index) is float and index.is_integer():
        index = int(index)
    elif isinstance(index, str) and index.isascii() and index.isdecimal():
        index = int(index[:9])
    if type(index) is not int or index < 0:
        raise bad_response("a choice whose index is not a number")
    return index


def _repair_content(message: Json) -> None:
    """Converts content in parts to a string, and its thinking parts to `reasoning_content`.

    Source: docs.mistral.ai/capabilities/reasoning.
    """
    content = message.get("content")
    if content is None or isinstance(content, str):
        return
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        match part:
            case str(text) | {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "thinking", "thinking": str(text)}:
                thoughts.append(text)
            case {"type": "thinking", "thinking": list(inner)}:
                thoughts += [str(piece["text"]) for piece in inner if isinstance(piece, dict) and "text" in piece]
            case _:
                continue
    message["content"] = "".join(texts)
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
