"""The official SDK as a judge: its parameter types check requests, its response types make answers and events.

pydantic alone would judge nothing: it takes the SDK's `Iterable[...]` as something to be checked when it is read, and
passes over keys that a TypedDict does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import orjson
from anthropic._types import SequenceNotStr
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter
from typing_extensions import get_type_hints, is_typeddict

from arouter.providers.sse import ServerSentEvent

JsonObject = dict[str, Any]

# API version 2026-10-21, which the SDK speaks, has taken these away; 2023-06-01, which ARouter speaks, has them.
SAMPLING: dict[str, type] = {"temperature": float, "top_p": float, "top_k": int}

_ARRAYS = (list, Iterable, Sequence, SequenceNotStr)
_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def faults(request: JsonObject) -> list[str]:
    """Returns what the SDK's types find wrong with a Messages API request."""
    rest = dict(request)
    found = []
    for field, kind in SAMPLING.items():
        found += _faults(rest.pop(field, kind(1)), kind, field)
    params = MessageCreateParamsStreaming if rest.get("stream") else MessageCreateParamsNonStreaming
    return found + _faults(rest, params, "request")


def message(*content: JsonObject, **more: Any) -> bytes:
    """Returns a whole answer, checked by the SDK."""
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(content),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **more,
    }
    return orjson.dumps(Message.model_validate(answer, strict=True).model_dump(exclude_unset=True))


def event(data: JsonObject) -> ServerSentEvent:
    """Returns an event of a stream, checked by the SDK."""
    checked = _EVENT.validate_python(data, strict=True).model_dump(exclude_unset=True)
    return ServerSentEvent(orjson.dumps(checked), data["type"].encode())


@cache
def _hints(params: type) -> dict[str, Any]:
    return get_type_hints(params, include_extras=True)


def _faults(value: Any, kind: Any, path: str) -> list[str]:
    """Returns where `value` is not of the type: one line each."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Annotated, Required, NotRequired):
        return _faults(value, args[0], path)
    if origin in (Union, UnionType):
        return _union_faults(value, args, path)
    if origin is Literal:
        return [] if value in args else [f"{path}: {value!r} is none of {args}"]
    if is_typeddict(kind):
        return _object_faults(value, kind, path)
    if origin in _ARRAYS:
        if not isinstance(value, list):
            return [f"{path}: not an array"]
        return [fault for index, item in enumerate(value) for fault in _faults(item, args[0], f"{path}[{index}]")]
    if origin in (dict, Mapping):
        return [] if isinstance(value, dict) else [f"{path}: not an object"]
    if kind is NoneType:
        return [] if value is None else [f"{path}: not null"]
    if kind is float:
        return [] if type(value) in (int, float) else [f"{path}: not a number"]
    if kind in (str, int, bool):
        return [] if type(value) is kind else [f"{path}: not {kind.__name__}"]
    return [f"{path}: {kind} is no type of a request"]


def _union_faults(value: Any, kinds: tuple[Any, ...], path: str) -> list[str]:
    """Returns the faults of the kind that fits best."""
    return min((_faults(value, kind, path) for kind in kinds), key=len)


def _object_faults(value: Any, params: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    hints = _hints(params)
    # Not `__required_keys__`: under postponed annotations it knows nothing of `Required`.
    needed = [field for field, hint in hints.items() if get_origin(hint) is Required]
    found = [f"{path}: lacks {field}" for field in needed if field not in value]
    open_ended = getattr(params, "__pydantic_config__", {}).get("extra") == "allow"
    for field, item in value.items():
        if field in hints:
            found += _faults(item, hints[field], f"{path}.{field}")
        elif not open_ended:
            found.append(f"{path}: {field} is unknown")
    return found
