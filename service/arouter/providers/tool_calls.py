"""Normalizes tool calls of an `openai` provider to OpenAI's shape: with index, unique id, and arguments as a string.

Source: OpenAI's reference, "chat completion" and "chat completion chunk". Servers omit `index` or send the same one for
all calls, repeat id and name in each delta, omit or reuse ids, and send arguments as an object
(openai/openai-python#2806, ollama/ollama#7881, sgl-project/sglang#3912, BerriAI/litellm#5231).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import orjson

from arouter.providers.provider_errors import too_deep

Json = dict[str, Any]

_KINDS = frozenset({"function", "custom"})
_CALL_FIELDS = frozenset({"arguments", "name"})


def whole_calls(calls: Any) -> list[Json]:
    """Returns the calls of a complete message, each with `id`, `type` and its function's `name` and `arguments`."""
    numbered = ToolCallPieces()
    found = []
    for call in _objects(calls):
        piece = numbered.begin(call)
        del piece["index"]
        if not piece[piece["type"]].get("arguments", "{}"):
            piece[piece["type"]]["arguments"] = "{}"
        found.append(piece)
    return found


class ToolCallPieces:
    """Numbers the calls of one streamed choice in the order in which they start."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, pieces: Any) -> list[Json]:
        """Returns the deltas with `index` on each, and `id`, `type` and `name` only on the first one of each call."""
        return [self._take(piece) for piece in _objects(pieces)]

    def take_clean(self, pieces: Any) -> bool:
        """Returns whether the deltas are one that continues the newest call and needs no repair."""
        if not self._calls:
            return False
        call = self._calls[-1]
        try:
            piece = pieces[0]
            function = piece["function"]
            text = function["arguments"]
            clean = (
                type(text) is str
                and piece["index"] == call.index == call.theirs
                and len(pieces) == len(function) == 1
                and len(piece) == 2
            )
        except (IndexError, KeyError, TypeError):
            return False
        if not clean:
            return False
        call.arguments.append(text)
        return True

    def empty_calls(self) -> list[Json]:
        """Returns a delta for each call without arguments: clients parse them, and OpenAI sends `{}` for none."""
        return [
            {"index": call.index, "function": {"arguments": "{}"}}
            for call in self._calls
            if call.is_function and not any(call.arguments)
        ]

    def begin(self, piece: Json) -> Json:
        """Returns the first delta of a new call."""
        kind = "custom" if isinstance(piece.get("custom"), dict) else "function"
        said = _said(piece)
        call = _Call(len(self._calls), _index(piece), _text(piece.get("id")), _text(said.get("name")), kind != "custom")
        taken = {known.id for known in self._calls}
        call.id = call.their_id if call.their_id and call.their_id not in taken else f"call_{secrets.token_hex(12)}"
        self._calls.append(call)
        if call.is_function:
            said["arguments"] = _arguments(said.get("arguments"))
            call.arguments.append(said["arguments"])
        said["name"] = call.name
        rest = {name: value for name, value in piece.items() if name not in _CALL_FIELDS}
        return {**rest, "index": call.index, "id": call.id, "type": kind, kind: said}

    def _take(self, piece: Json) -> Json:
        call = self._find(piece)
        if call is None:
            return self.begin(piece)
        said = _said(piece)
        name = _text(said.pop("name", None))
        if name and not call.name:
            call.name = said["name"] = name
        kind = "function" if call.is_function else "custom"
        if call.is_function:
            said["arguments"] = _arguments(said.get("arguments"))
            call.arguments.append(said["arguments"])
        rest = {name: value for name, value in piece.items() if name not in ("id", "type", *_CALL_FIELDS)}
        return {**rest, "index": call.index, kind: said}

    def _find(self, piece: Json) -> _Call | None:
        """Returns the call that a delta continues, or None if it starts a new one."""
        index, id_, name = _index(piece), _text(piece.get("id")), _text(_said(piece).get("name"))
        known = self._calls if index is None else [call for call in self._calls if call.theirs == index]
        if id_:
            same = next((call for call in reversed(known) if call.their_id == id_), None)
            if same is not None or not known or known[-1].their_id:
                return same
            return None if name and known[-1].name else known[-1]
        if not known:
            return None
        last = known[-1]
        begins = name and last.name and (name != last.name or last.is_complete)
        return None if begins else last


class _Call:
    """A call that has started.

    Attributes:
        index: Its index, from 0.
        theirs: The provider's index, or None.
        their_id: The provider's id, or an empty string.
        id: The id sent to the client.
        name: The function's name.
        is_function: Whether its arguments are JSON.
        arguments: The arguments received so far.
    """

    __slots__ = ("arguments", "id", "index", "is_function", "name", "their_id", "theirs")

    def __init__(self, index: int, theirs: int | None, their_id: str, name: str, is_function: bool) -> None:
        self.index = index
        self.theirs = theirs
        self.their_id = their_id
        self.id = ""
        self.name = name
        self.is_function = is_function
        self.arguments: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Whether the arguments so far are a complete JSON value."""
        try:
            orjson.loads("".join(self.arguments))
        except orjson.JSONDecodeError:
            return False
        return True


def _objects(value: Any) -> Iterable[Json]:
    items = value if isinstance(value, list) else [value]
    return (item for item in items if isinstance(item, dict))


def _said(piece: Json) -> Json:
    """Returns a copy of a delta's function; some servers send name and arguments beside `id`."""
    for kind in _KINDS:
        if isinstance(said := piece.get(kind), dict):
            return dict(said)
    return {name: piece[name] for name in _CALL_FIELDS & piece.keys()}


def _index(piece: Json) -> int | None:
    index = piece.get("index")
    if isinstance(index, str) and index.isascii() and index.isdecimal():
        return int(index[:9])
    return index if type(index) is int else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _arguments(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise too_deep() from error
