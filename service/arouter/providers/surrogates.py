"""Joins and replaces surrogates, which UTF-8 cannot represent."""

from __future__ import annotations

from typing import Any

from arouter.chat.chunks import Chunk
from arouter.providers.provider_errors import too_deep

_TEXTS = ("content", "reasoning_content", "refusal")
"""Members of a delta whose strings are continued by the next delta."""


def without_surrogates(value: Any) -> Any:
    """Returns a JSON value with valid Unicode strings: surrogate pairs are joined, lone surrogates become U+FFFD.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is nested too deeply.
    """
    try:
        return _repaired(value)
    except RecursionError as error:
        raise too_deep() from error


class SurrogateJoiner:
    """Repairs the strings of one stream: a high surrogate at the end of a delta is held back for the next delta.

    Attributes:
        active: Whether there may be surrogates; until then nothing is inspected.
    """

    __slots__ = ("_waiting", "active")

    def __init__(self) -> None:
        self.active = False
        self._waiting: dict[tuple[Any, ...], str] = {}

    def join(self, chunks: list[Chunk]) -> list[Chunk]:
        """Returns chunks in canonical form with valid Unicode strings."""
        return [self._join(chunk) for chunk in chunks]

    def _join(self, chunk: Chunk) -> Chunk:
        for choice in chunk["choices"]:
            index, delta = choice["index"], choice["delta"]
            is_last = choice.get("finish_reason") is not None
            for name in _TEXTS:
                self._continue(delta, name, (index, name), is_last)
            for call in delta.get("tool_calls") or ():
                if isinstance(function := call.get("function"), dict):
                    self._continue(function, "arguments", (index, call.get("index"), "arguments"), is_last)
        whole: Chunk = without_surrogates(chunk)
        return whole

    def _continue(self, holder: dict[str, Any], name: str, key: tuple[Any, ...], is_last: bool) -> None:
        """Prepends the surrogate that was held back, and holds back one at the end."""
        text = holder.get(name)
        if not isinstance(text, str):
            if not (is_last and key in self._waiting):
                return
            text = ""
        text = self._waiting.pop(key, "") + text
        if not is_last and text and "\ud800" <= text[-1] <= "\udbff":
            self._waiting[key] = text[-1]
            text = text[:-1]
        holder[name] = text


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return _joined(value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_joined(name): _repaired(item) for name, item in value.items()}
    return value


def _joined(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
