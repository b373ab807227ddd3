"""OpenAI's SDK as a judge of answers: whole ones, streams of chunks, and errors.

The SDK itself builds its types without validating. Here they validate strictly: nothing is coerced, every literal is
one of OpenAI's, and what is required is there. What the types do not say of a stream is checked beside them (OpenAI's
reference, "chat completion chunk").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, ValidationError

Json = dict[str, Any]

_ERROR_FIELDS = {"code": (str, int, type(None)), "message": str, "param": (str, type(None)), "type": str}
_DONE = b"[DONE]"


def answer_faults(completion: Any) -> list[str]:
    """Returns what is wrong with a whole answer: one line each."""
    found = _type_faults(ChatCompletion, completion)
    if found:
        return found
    if completion["object"] != "chat.completion":
        found.append(f"object: {completion['object']!r}")
    indices = [choice["index"] for choice in completion["choices"]]
    if not indices or indices != sorted(set(indices)):
        found.append(f"choices: numbered {indices}")
    for choice in completion["choices"]:
        found += _call_faults(choice["message"].get("tool_calls") or (), f"choices[{choice['index']}]")
    return found


def error_faults(envelope: Any) -> list[str]:
    """Returns what is wrong with the envelope of an error."""
    error = envelope.get("error") if isinstance(envelope, dict) else None
    if not isinstance(error, dict) or len(envelope) != 1:
        return ["error: not the envelope"]
    return [
        f"error.{name}: {error.get(name, 'missing')!r}"
        for name, types in _ERROR_FIELDS.items()
        if name not in error or not isinstance(error[name], types)
    ]


def stream_faults(events: Sequence[bytes]) -> list[str]:
    """Returns what is wrong with the data of a whole stream's events: chunks, and `[DONE]` or an error at the end."""
    if not events:
        return ["no events"]
    *pieces, last = events
    stream = _Stream()
    for number, piece in enumerate(pieces):
        stream.take(piece, f"chunk {number}")
    if last == _DONE:
        stream.end()
    else:
        stream.found += error_faults(_parsed(last))
    return stream.found


def accumulated(chunks: Iterable[Json]) -> Json:
    """Returns what OpenAI's SDK makes of a stream's chunks; `{"choices": []}` if there are none."""
    state: Any = ChatCompletionStreamState()
    empty = True
    for chunk in chunks:
        empty = False
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return {"choices": []} if empty else state.current_completion_snapshot.to_dict(mode="json", exclude_unset=False)


class _Stream:
    """Follows a stream.

    Attributes:
        found: What was wrong so far.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._same: Json = {}
        self._ended: dict[int, bool] = {}
        self._calls: dict[int, list[str]] = {}
        self._has_usage = False

    def take(self, piece: bytes, place: str) -> None:
        chunk = _parsed(piece)
        faults = _type_faults(ChatCompletionChunk, chunk)
        if faults:
            self.found += [f"{place}: {fault}" for fault in faults]
            return
        if self._has_usage:
            self.found.append(f"{place}: behind the usage")
        same = {name: chunk[name] for name in ("id", "object", "created", "model")}
        self._same = self._same or same
        if same != self._same:
            self.found.append(f"{place}: {same} after {self._same}")
        if not chunk["choices"]:
            self._has_usage = True
            if not chunk.get("usage"):
                self.found.append(f"{place}: neither choices nor usage")
        elif chunk.get("usage"):
            self.found.append(f"{place}: usage beside choices")
        for choice in chunk["choices"]:
            self._take_choice(choice, f"{place}, choice {choice['index']}")

    def end(self) -> None:
        """Notes what is missing where the stream says that it is complete."""
        open_ones = [index for index, ended in self._ended.items() if not ended]
        if open_ones:
            self.found.append(f"choices {open_ones} have no finish_reason")
        if not self._ended:
            self.found.append("no choice at all")

    def _take_choice(self, choice: Json, place: str) -> None:
        index, delta = choice["index"], choice["delta"]
        if index not in self._ended and delta.get("role") != "assistant":
            self.found.append(f"{place}: begins without its role")
        if index in self._ended and "role" in delta:
            self.found.append(f"{place}: its role again")
        if "finish_reason" not in choice:
            self.found.append(f"{place}: lacks finish_reason")
        # What filters say after the end is documented by Azure; it has no text.
        said = {name for name, value in delta.items() if value not in (None, "", [])}
        if self._ended.get(index) and (said or choice.get("finish_reason") is not None):
            self.found.append(f"{place}: goes on after its end")
        self._ended[index] = self._ended.get(index, False) or choice.get("finish_reason") is not None
        for call in delta.get("tool_calls") or ():
            self._take_call(self._calls.setdefault(index, []), call, place)

    def _take_call(self, ids: list[str], call: Json, place: str) -> None:
        number = call["index"]
        kind = call.get("type") or "function"
        said = call.get(kind) or {}
        if number == len(ids):
            if not call.get("id") or not call.get("type") or not said.get("name"):
                self.found.append(f"{place}: call {number} begins without id, type or name")
            if call.get("id") in ids:
                self.found.append(f"{place}: call {number} has an id of another")
            ids.append(call.get("id") or "")
        elif number > len(ids):
            self.found.append(f"{place}: call {number} after {len(ids)} calls")
        elif call.get("id") or call.get("type") or said.get("name"):
            self.found.append(f"{place}: id, type or name of call {number} again")


def _call_faults(calls: Iterable[Json], place: str) -> list[str]:
    ids = [call.get("id") for call in calls]
    found = [] if len(set(ids)) == len(ids) else [f"{place}: calls share an id"]
    return found + [f"{place}: a call without id or name" for call in calls if not call["id"] or not _name(call)]


def _name(call: Json) -> Any:
    return call[call["type"]]["name"]


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _type_faults(kind: type[BaseModel], value: Any) -> list[str]:
    try:
        kind.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return []
