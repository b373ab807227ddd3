"""Decodes a stream: every event is a complete response with new increments, and the last one is not marked."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk, usage_chunk
from arouter.providers.adapter import StreamDecoder
from arouter.providers.gemini.decode import ChoiceReader, envelope, logprobs_of, usage_of
from arouter.providers.gemini.errors import embedded_error
from arouter.providers.json_reader import parse_event
from arouter.providers.lenient import JsonObject, count, object_in, objects
from arouter.providers.provider_errors import truncated
from arouter.providers.sse import ServerSentEvent
from arouter.providers.surrogates import SurrogateJoiner


class GeminiStreamDecoder(StreamDecoder):
    """Holds a reader for each candidate. Finish reasons are sent only when the stream ends.

    Text may follow a finishReason (some models send one with every increment), and so may sources.
    """

    def __init__(self) -> None:
        self.done = False  # Gemini has no end marker: it closes the stream
        self.usage: dict[str, Any] | None = None
        self.joiner = SurrogateJoiner()
        self._template: Chunk = {}
        self._readers: dict[int, ChoiceReader] = {}

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        answer = parse_event(event.data, self.joiner)
        if answer.get("error"):
            raise embedded_error(answer["error"])
        self.usage = usage_of(answer) or self.usage
        if not self._template or answer.get("responseId"):
            self._template = envelope(answer, "chat.completion.chunk")
        opened: list[JsonObject] = []
        choices: list[JsonObject] = []
        for candidate in objects(answer.get("candidates")):
            reader = self._reader(count(candidate.get("index")), opened)
            delta = reader.read(candidate, self._template["id"])
            logprobs = logprobs_of(candidate)
            if delta or logprobs is not None:
                choices.append(_piece(reader.index, delta, logprobs))
        feedback = object_in(answer.get("promptFeedback"))
        if feedback.get("blockReason") and not self._readers:
            self._reader(0, opened).block(feedback)
        return [{**self._template, "choices": some} for some in (opened, choices) if some]

    @override
    def finish(self) -> list[Chunk]:
        if not self._readers or not all(reader.finished for reader in self._readers.values()):
            raise truncated()
        choices = []
        for reader in self._readers.values():
            delta, ending = reader.close()
            choices.append({"index": reader.index, "delta": delta, "logprobs": None, **ending})
        last = {**self._template, "choices": choices}
        return [last, usage_chunk(self._template, self.usage)] if self.usage else [last]

    def _reader(self, index: int, opened: list[JsonObject]) -> ChoiceReader:
        """Returns the choice's reader.

        A new choice is first opened by a delta of its own, as OpenAI's accumulator requires.
        """
        if index not in self._readers:
            self._readers[index] = ChoiceReader(index)
            opened.append(_piece(index, {"role": "assistant"}, None))
        return self._readers[index]


def _piece(index: int, delta: JsonObject, logprobs: JsonObject | None) -> JsonObject:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
