"""Decodes a Messages API stream: typed content blocks, which start, grow and stop, become OpenAI's chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk, usage_chunk
from arouter.providers.adapter import StreamDecoder
from arouter.providers.anthropic.decode import (
    annotation,
    arguments,
    decode_usage,
    envelope,
    finish_reason,
    refusal_of,
    string,
)
from arouter.providers.anthropic.errors import embedded_error
from arouter.providers.anthropic.reasoning_details import format_of, opening
from arouter.providers.anthropic.unchecked import Json
from arouter.providers.json_reader import parse_event
from arouter.providers.lenient import objects
from arouter.providers.provider_errors import bad_response, truncated
from arouter.providers.sse import ServerSentEvent
from arouter.providers.surrogates import SurrogateJoiner


class AnthropicStreamDecoder(StreamDecoder):
    """Converts events to chunks, with separate indices for tool calls and thinking."""

    def __init__(self) -> None:
        self.done = False
        self.usage: Json | None = None
        self.joiner = SurrogateJoiner()
        self._raw_usage: Json = {}
        self._template: Json | None = None
        self._blocks: dict[int, _Block] = {}
        self._answer = _Answer()
        self._finished = False

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        data = parse_event(event.data, self.joiner)
        kind = data.get("type")
        if kind == "error":
            raise embedded_error(data.get("error"))
        if kind == "message_start":
            return self._start(_part(data, "message"))
        if kind == "ping":
            return []
        if self._template is None:
            raise bad_response("an event before its message's start")
        if kind == "content_block_start":
            return self._chunks(self._open(data))
        if kind == "content_block_delta":
            return self._chunks(self._block(data).grow(_part(data, "delta")))
        if kind == "content_block_stop":
            return self._chunks(self._block(data).close())
        if kind == "message_delta":
            return self._message_delta(data)
        if kind == "message_stop":
            return self._stop()
        if not isinstance(kind, str):
            raise bad_response("an event without a type")
        # Anthropic may add types of events within an API version.
        return []

    @override
    def finish(self) -> list[Chunk]:
        if not self.done:
            raise truncated()
        return []

    def _start(self, message: Json) -> list[Chunk]:
        self._template = {**envelope(message), "object": "chat.completion.chunk"}
        self._answer.reasoning_format = format_of(self._template["model"])
        self._take_usage(message.get("usage"))
        return self._chunks([{"role": "assistant", "content": None}])

    def _open(self, data: Json) -> list[Json]:
        index, started = data.get("index"), _part(data, "content_block")
        if type(index) is not int:
            raise bad_response("a content block without an index")
        kind = _BLOCKS.get(string(started, "type"), _IgnoredBlock)
        self._blocks[index] = block = kind(self._answer, index)
        return block.open(started)

    def _block(self, data: Json) -> _Block:
        index = data.get("index")
        block = self._blocks.get(index) if type(index) is int else None
        if block is None:
            raise bad_response("a delta of a content block that has not started")
        return block

    def _message_delta(self, data: Json) -> list[Chunk]:
        self._take_usage(data.get("usage"))
        delta = _part(data, "delta")
        stop_reason = delta.get("stop_reason")
        if not isinstance(stop_reason, str) or self._finished:
            return []
        self._finished = True
        last: Json = {}
        if self._answer.annotations:
            last["annotations"] = self._answer.annotations
        refusal = refusal_of(delta)
        if refusal is not None:
            last["refusal"] = refusal
        reason = finish_reason(stop_reason, called=self._answer.calls > 0)
        return [self._chunk(last, reason, stop_reason)]

    def _stop(self) -> list[Chunk]:
        if not self._finished:
            raise truncated()
        self.done = True
        return [usage_chunk(self._template or {}, self.usage)] if self.usage else []

    def _take_usage(self, usage: Any) -> None:
        """Merges counts; those at the end are totals and omit unchanged ones."""
        if isinstance(usage, dict):
            self._raw_usage |= {field: value for field, value in usage.items() if value is not None}
            self.usage = decode_usage(self._raw_usage)

    def _chunks(self, deltas: list[Json]) -> list[Chunk]:
        return [self._chunk(delta, None, None) for delta in deltas]

    def _chunk(self, delta: Json, reason: str | None, native: str | None) -> Chunk:
        choice: Json = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        if native is not None:
            choice["native_finish_reason"] = native
        return {**(self._template or {}), "choices": [choice]}


class _Answer:
    """The state shared by the blocks of one answer."""

    def __init__(self) -> None:
        self.characters = 0
        self.calls = 0
        self.details = 0
        self.reasoning_format = ""
        self.annotations: list[Json] = []


class _Block(ABC):
    """One block, from its start to its stop."""

    def __init__(self, answer: _Answer, place: int) -> None:
        self._answer = answer
        self._place = place

    @abstractmethod
    def open(self, block: Json) -> list[Json]:
        """Returns the deltas of its start event, which may already contain content."""

    @abstractmethod
    def grow(self, delta: Json) -> list[Json]:
        """Returns the deltas of its next increment."""

    def close(self) -> list[Json]:
        """Returns the remaining deltas at its end."""
        return []


class _IgnoredBlock(_Block):
    """A block of a type that our requests do not ask for; ignored."""

    @override
    def open(self, block: Json) -> list[Json]:
        return []

    @override
    def grow(self, delta: Json) -> list[Json]:
        return []


class _Text(_Block):
    @override
    def open(self, block: Json) -> list[Json]:
        self._start = self._answer.characters
        self._citations = objects(block.get("citations"))
        return self._append(string(block, "text"))

    @override
    def grow(self, delta: Json) -> list[Json]:
        if delta.get("type") == "citations_delta":
            self._citations += objects([delta.get("citation")])
            return []
        return self._append(string(delta, "text"))

    @override
    def close(self) -> list[Json]:
        end = self._answer.characters
        self._answer.annotations += [annotation(each, self._start, end) for each in self._citations]
        return []

    def _append(self, text: str) -> list[Json]:
        self._answer.characters += len(text)
        return [{"content": text}] if text else []


class _ThinkingBlock(_Block):
    def _opening(self, kind: str) -> Json:
        return opening(self._answer.reasoning_format, kind, self._answer.details, self._place)


class _Thinking(_ThinkingBlock):
    @override
    def open(self, block: Json) -> list[Json]:
        self._detail: Json | None = None
        return self.grow(block)

    @override
    def grow(self, delta: Json) -> list[Json]:
        text, signature = string(delta, "thinking"), string(delta, "signature")
        if not text and not signature:
            return []
        if self._detail is None:
            detail: Json = {**self._opening("text"), "text": text}
            self._detail = {"type": detail["type"], "index": detail["index"]}
            self._answer.details += 1
        else:
            detail = {**self._detail, "text": text} if text else dict(self._detail)
        if signature:
            detail["signature"] = signature
        words: Json = {"reasoning_content": text} if text else {}
        return [{**words, "reasoning_details": [detail]}]


class _RedactedThinking(_ThinkingBlock):
    @override
    def open(self, block: Json) -> list[Json]:
        detail = {**self._opening("encrypted"), "data": string(block, "data")}
        self._answer.details += 1
        return [{"reasoning_details": [detail]}]

    @override
    def grow(self, delta: Json) -> list[Json]:
        return []


class _ToolUse(_Block):
    @override
    def open(self, block: Json) -> list[Json]:
        self._input = block.get("input")
        self._written = False
        self._index = self._answer.calls
        self._answer.calls += 1
        function = {"name": string(block, "name"), "arguments": ""}
        return [self._call({"id": string(block, "id"), "type": "function", "function": function})]

    @override
    def grow(self, delta: Json) -> list[Json]:
        json = string(delta, "partial_json")
        self._written = self._written or bool(json)
        return [self._call({"function": {"arguments": json}})] if json else []

    @override
    def close(self) -> list[Json]:
        # A call without arguments sends no input, but OpenAI's clients parse the text.
        return [] if self._written else [self._call({"function": {"arguments": arguments(self._input)}})]

    def _call(self, fields: Json) -> Json:
        return {"tool_calls": [{"index": self._index, **fields}]}


_BLOCKS: dict[str, type[_Block]] = {
    "text": _Text,
    "thinking": _Thinking,
    "redacted_thinking": _RedactedThinking,
    "tool_use": _ToolUse,
}


def _part(data: Json, field: str) -> Json:
    value = data.get(field)
    if not isinstance(value, dict):
        raise bad_response(f"an event without its {field}")
    return value
