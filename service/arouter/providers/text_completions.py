"""Text completions of the `openai` wire protocol. A choice's `text` is the content of its message in canonical form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from arouter.chat.request import ChatRequest
from arouter.errors import ProviderError
from arouter.providers import openai_errors
from arouter.providers.adapter import Encoder, Reader, WireRequest
from arouter.providers.json_reader import parse_object
from arouter.providers.json_writer import request_json
from arouter.providers.openai import OpenAIStreamDecoder
from arouter.providers.openai_answer import ChunkNormalizer, normalize_completion
from arouter.providers.quirks import DEFAULT

_STREAM_OPTIONS = "stream_options"


@dataclass(frozen=True)
class TextCompletions(Encoder):
    """A provider's endpoint for text completions: requests are passed on."""

    @override
    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        body = {**request.body, "model": model}
        added = frozenset[str]()
        if request.stream:
            body.pop(_STREAM_OPTIONS, None)
            if _STREAM_OPTIONS not in without:
                # Usage is always requested, because the cost depends on it.
                body[_STREAM_OPTIONS] = {"include_usage": True}
                added = frozenset({_STREAM_OPTIONS})
        return WireRequest("/completions", request_json(body), added=added, reader=_READER)


class _TextReader(Reader):
    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        completion = parse_object(body, "a response")
        openai_errors.raise_embedded(completion)
        choices = completion.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            _take_text(choice, "message")
        normalize_completion(completion)
        return completion

    @override
    def stream_decoder(self) -> TextStreamDecoder:
        return TextStreamDecoder()

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return openai_errors.decode_error(status, body, retry_after)


class TextStreamDecoder(OpenAIStreamDecoder):
    """As for chat, but the choices of events have texts."""

    def __init__(self) -> None:
        super().__init__(DEFAULT)
        self._normalizer = _TextNormalizer()


class _TextNormalizer(ChunkNormalizer):
    __slots__ = ()

    @override
    def normalize(self, choices: list[Any]) -> list[dict[str, Any]]:
        for choice in choices:
            _take_text(choice, "delta")
        return super().normalize(choices)


def _take_text(choice: Any, place: str) -> None:
    """Moves the text of a choice into its message or delta. A malformed choice is left as it is."""
    if isinstance(choice, dict) and isinstance(choice.get("text"), str | None) and place not in choice:
        text = choice.pop("text", None)
        choice[place] = {"role": "assistant", "content": text or ""} if place == "message" else {"content": text or ""}


_READER = _TextReader()
