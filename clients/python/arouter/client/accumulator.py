"""Puts the chunks of a streamed chat completion together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from arouter.v1.chat_completion_pb2 import Choice, Logprobs, MessageDelta, StreamChoice
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT, ROLE_UNSPECIFIED, Annotation, Audio, ChatMessage, Role
from arouter.v1.chat_service_pb2 import ChatCompletionResponse, StreamChatCompletionResponse
from arouter.v1.chat_tool_pb2 import FunctionCall, ToolCall, ToolCallDelta

_TEXTS: tuple[Literal["content", "reasoning_content", "refusal"], ...] = ("content", "reasoning_content", "refusal")
_PARTS: tuple[Literal["usage", "moderation", "route"], ...] = ("usage", "moderation", "route")
_SAID_ONCE = frozenset({"id", "type", "format"})


def accumulate(chunks: Iterable[StreamChatCompletionResponse]) -> ChatCompletionResponse:
    """Returns the completion that a stream's chunks add up to."""
    accumulator = Accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    return accumulator.completion()


class Accumulator:
    """Adds chunks up to a completion, in time and memory linear in the stream's length."""

    def __init__(self) -> None:
        self._whole = ChatCompletionResponse()
        self._choices: dict[int, _Choice] = {}
        self._extra: list[str] = []

    def add(self, chunk: StreamChatCompletionResponse) -> None:
        """Adds the next chunk."""
        whole = self._whole
        for name in ("id", "created", "model", "service_tier", "system_fingerprint"):
            if value := getattr(chunk, name):
                setattr(whole, name, value)
        for part in _PARTS:
            if chunk.HasField(part):
                getattr(whole, part).CopyFrom(getattr(chunk, part))
        if chunk.extra_fields_json:
            self._extra.append(chunk.extra_fields_json)
        for choice in chunk.choices:
            self._choices.setdefault(choice.index, _Choice()).add(choice)

    def completion(self) -> ChatCompletionResponse:
        """Returns the completion so far.

        The messages of its choices contain all that the next request must have, and can be put into it as they are.

        Raises:
            ValueError: A chunk has `extra_fields_json` that is not a JSON object.
        """
        completion = ChatCompletionResponse()
        completion.CopyFrom(self._whole)
        completion.choices.extend(choice.whole(index) for index, choice in sorted(self._choices.items()))
        completion.extra_fields_json = _latest(self._extra)
        return completion


class _Choice:
    """The chunks of one choice so far, as pieces that are joined at the end."""

    def __init__(self) -> None:
        self._role: Role.ValueType = ROLE_UNSPECIFIED
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[int, _ToolCall] = {}
        self._audio: _Audio | None = None
        self._annotations: list[Annotation] = []
        self._function: _Function | None = None
        self._finish_reason = ""
        self._logprobs: Logprobs | None = None
        self._extra: list[str] = []
        self._message_extra: list[str] = []

    def add(self, choice: StreamChoice) -> None:
        self._add_delta(choice.delta)
        self._finish_reason = choice.finish_reason or self._finish_reason
        if choice.HasField("logprobs"):
            self._logprobs = self._logprobs or Logprobs()
            self._logprobs.MergeFrom(choice.logprobs)
        if choice.extra_fields_json:
            self._extra.append(choice.extra_fields_json)

    def _add_delta(self, delta: MessageDelta) -> None:
        self._role = self._role or delta.role
        for name in _TEXTS:
            if delta.HasField(name):
                self._texts.setdefault(name, []).append(getattr(delta, name))
        for piece in delta.tool_calls:
            self._calls.setdefault(piece.index, _ToolCall()).add(piece)
        if delta.HasField("audio"):
            self._audio = self._audio or _Audio()
            self._audio.add(delta.audio)
        self._annotations += delta.annotations
        if delta.HasField("function_call"):
            self._function = self._function or _Function()
            self._function.add(delta.function_call)
        if delta.extra_fields_json:
            self._message_extra.append(delta.extra_fields_json)

    def whole(self, index: int) -> Choice:
        message = ChatMessage(role=self._role or ROLE_ASSISTANT)
        for name, pieces in self._texts.items():
            setattr(message, name, "".join(pieces))
        message.tool_calls.extend(call.whole() for _, call in sorted(self._calls.items()))
        if self._audio is not None:
            message.audio.CopyFrom(self._audio.whole())
        message.annotations.extend(self._annotations)
        if self._function is not None:
            message.function_call.CopyFrom(self._function.whole())
        message.extra_fields_json = _merged(self._message_extra)
        choice = Choice(index=index, message=message, finish_reason=self._finish_reason, logprobs=self._logprobs)
        choice.extra_fields_json = _latest(self._extra)
        return choice


class _Function:
    def __init__(self) -> None:
        self._name: list[str] = []
        self._arguments: list[str] = []

    def add(self, piece: FunctionCall) -> None:
        self._name.append(piece.name)
        self._arguments.append(piece.arguments)

    def whole(self) -> FunctionCall:
        return FunctionCall(name="".join(self._name), arguments="".join(self._arguments))


class _ToolCall:
    def __init__(self) -> None:
        self._id: list[str] = []
        self._function: _Function | None = None
        self._custom: tuple[list[str], list[str]] | None = None
        self._extra: list[str] = []

    def add(self, piece: ToolCallDelta) -> None:
        self._id.append(piece.id)
        if piece.HasField("function"):
            self._function = self._function or _Function()
            self._function.add(piece.function)
        if piece.HasField("custom"):
            self._custom = self._custom or ([], [])
            self._custom[0].append(piece.custom.name)
            self._custom[1].append(piece.custom.input)
        if piece.extra_fields_json:
            self._extra.append(piece.extra_fields_json)

    def whole(self) -> ToolCall:
        call = ToolCall(id="".join(self._id), extra_fields_json=_merged(self._extra))
        if self._function is not None:
            call.function.CopyFrom(self._function.whole())
        elif self._custom is not None:
            call.custom.name, call.custom.input = map("".join, self._custom)
        return call


class _Audio:
    def __init__(self) -> None:
        self._id, self._expires_at = "", 0
        self._data: list[str] = []
        self._transcript: list[str] = []

    def add(self, piece: Audio) -> None:
        self._id, self._expires_at = piece.id or self._id, piece.expires_at or self._expires_at
        self._data.append(piece.data)
        self._transcript.append(piece.transcript)

    def whole(self) -> Audio:
        data, transcript = "".join(self._data), "".join(self._transcript)
        return Audio(id=self._id, data=data, expires_at=self._expires_at, transcript=transcript)


# `MessageDelta.extra_fields_json` says how it is merged. Strings are lists of their pieces until the end.


class _Pieces(list[str]):
    """The pieces of a string."""


class _Entries(list[Any]):
    """The entries of a list, and where the one with each `index` is."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[int, int] = {}


def _merged(texts: list[str]) -> str:
    if len(texts) < 2:
        return "".join(texts)
    merged: Any = {}
    for text in texts:
        merged = _merge(merged, _object(text))
    return _text(_joined(merged))


def _latest(texts: list[str]) -> str:
    """Returns the members of all objects; of those with the same name the last one."""
    members: dict[str, Any] = {}
    for text in texts:
        members.update(_object(text))
    return _text(members) if members else ""


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("extra_fields_json is nested too deeply.") from error
    if isinstance(value, dict):
        return value
    raise ValueError("extra_fields_json is not a JSON object.")


def _merge(before: Any, piece: Any, name: str = "") -> Any:
    if isinstance(piece, dict):
        into = before if isinstance(before, dict) else {}
        for key, item in piece.items():
            if item is not None:
                into[key] = _merge(into.get(key), item, key)
        return into
    if isinstance(piece, list):
        into_list = before if isinstance(before, _Entries) else _Entries()
        for entry in piece:
            _merge_entry(into_list, entry)
        return into_list
    if isinstance(piece, str) and name not in _SAID_ONCE:
        pieces = before if isinstance(before, _Pieces) else _Pieces()
        pieces.append(piece)
        return pieces
    return piece


def _merge_entry(entries: _Entries, entry: Any) -> None:
    index = entry.get("index") if isinstance(entry, dict) else None
    if not isinstance(index, int):
        entries.append(_merge(None, entry))
    elif index in entries.places:
        place = entries.places[index]
        entries[place] = _merge(entries[place], entry)
    else:
        entries.places[index] = len(entries)
        entries.append(_merge(None, entry))


def _joined(value: Any) -> Any:
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, dict):
        return {key: _joined(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_joined(item) for item in value]
    return value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
