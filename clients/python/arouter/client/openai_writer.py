"""Writes messages of `arouter.v1` as OpenAI's JSON."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from arouter.client.openai_rules import (
    BESIDE,
    CONSTANTS,
    DEFAULTS,
    FLAT,
    ONCE,
    UNTAGGED,
    extra_of,
    is_always_written,
    is_list,
    is_union,
    map_value,
    member_of,
    name_of,
    words_of,
)


def to_openai(message: Message) -> dict[str, Any]:
    """Returns a chat or embeddings request, a response, a chunk, or a part of one, as OpenAI's JSON.

    Unset fields are left out, except where OpenAI's responses have null. So is `route` of responses, which REST has as
    the header `x-arouter-route`.

    Raises:
        ValueError: A field for JSON, such as `extra_body`, is not the text of it.
    """
    written: dict[str, Any] = _object(message)
    return written


def _object(message: Message) -> Any:
    kind: Any = message.DESCRIPTOR  # a Descriptor, or upb's
    if is_list(kind):
        return _member(message, kind.fields[0])
    out = {**CONSTANTS.get(kind.name, {}), **DEFAULTS.get(kind.name, {})}
    for field in kind.fields:
        name = member_of(field)
        if name is None or not _is_written(message, field):
            continue
        if not is_union(field):
            out[name] = _member(message, field)
        elif field.enum_type is not None:
            return _member(message, field)
        else:
            out |= _variant(message, field)
    extra = extra_of(kind)
    text = getattr(message, extra) if extra else ""
    return out | json.loads(text) if text else out


def _is_written(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    if getattr(message, field.name) or is_always_written(field):
        return True
    beside = BESIDE.get(name_of(field))
    return beside is not None and bool(getattr(message, beside))


def _variant(message: Any, field: FieldDescriptor) -> dict[str, Any]:
    kind = message.DESCRIPTOR.name
    written = _member(message, field)
    if kind in FLAT:
        tag, separator = FLAT[kind]
        return {tag: field.name.replace("_", separator), **written}
    if field.message_type is not None and not field.message_type.fields:
        return {"type": field.name}
    # Of a streamed call, only the piece with the id has the type.
    tagged = kind not in UNTAGGED and (kind != "ToolCallDelta" or message.id)
    return {**({"type": field.name} if tagged else {}), field.name: written}


def _member(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    values = map_value(field)
    if values is not None:
        return {key: _value(value[key], values) for key in value}
    if field.is_repeated:
        return [_value(item, field) for item in value]
    written = _value(value, field)
    if field.message_type is not None and message.DESCRIPTOR.name.endswith("Delta"):
        return {name: item for name, item in written.items() if item or name not in ONCE}
    defaults = DEFAULTS.get(name_of(field))
    return defaults | written if defaults else written


def _value(value: Any, field: FieldDescriptor) -> Any:
    if field.message_type is not None:
        return _object(value)
    if field.enum_type is not None:
        return words_of(field)[value]
    if field.type == FieldDescriptor.TYPE_BYTES:
        return list(value)
    if field.name.endswith("_json"):
        return json.loads(value)
    return {"id": value} if field.name == "voice_id" else value
