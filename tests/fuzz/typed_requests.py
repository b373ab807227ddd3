"""Typed chat requests: from a client's bytes, as a gRPC message, to what each protocol sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from unit.rpc.typed_builder import typed_request

from arouter.chat.request import parse_chat_request
from arouter.errors import ARouterError
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.openai import OpenAIAdapter
from arouter.rpc.typed.request import request_to_dict, typed_chat
from arouter.v1.chat_service_pb2 import ChatCompletionRequest
from fuzz.mutation import MAX_BYTES, mutate_bytes, mutate_json
from fuzz.streams import WIRE

_ADAPTERS = (OpenAIAdapter(), AnthropicAdapter(), GeminiAdapter())
_OUTPUT_PER_BYTE = 200
_NUMBERS = (0, 1, -1, 2, 100, 2**31 - 1, -(2**31))
_TEXTS = (
    "",
    "x",
    "auto",
    "text",
    "a/b",
    "{}",
    "[]",
    "null",
    '{"type": "x"}',
    '{"type": "text", "text": "x"}',
    '{"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}',
    "data:image/png;base64,QQ==",
    "http://x/y",
    "\x00",
)


def _seeds() -> Iterator[bytes]:
    """Yields the recorded requests, those apart that the builder of typed requests does not know."""
    for path in sorted(WIRE.glob("*/*/request.openai.json")):
        with suppress(KeyError, TypeError, ValueError):
            yield typed_request(json.loads(path.read_bytes())).SerializeToString()


SEEDS = list(_seeds())


def check(data: bytes) -> None:
    try:
        request = ChatCompletionRequest.FromString(data)
    except DecodeError:
        return
    for stream in (False, True):
        try:
            chat = typed_chat(request, stream=stream)
        except ARouterError as error:
            error.json()
            continue
        for adapter in _ADAPTERS:
            try:
                wire = adapter.encode(chat, "m")
            except ARouterError as error:
                error.json()
                continue
            assert wire.body is not None
            assert len(wire.body) <= 10_000 + _OUTPUT_PER_BYTE * len(data)
            orjson.loads(wire.body)
        _check_same_over_rest(request)


def _check_same_over_rest(request: ChatCompletionRequest) -> None:
    """What the typed door accepts, the other one does, and it means the same."""
    body = request_to_dict(request)
    try:
        text = orjson.dumps(body)
    except orjson.JSONEncodeError:
        return  # Nested more deeply than it writes.
    assert parse_chat_request(text).body == typed_chat(request, stream=False).body


def mutate(data: bytes, random: Random) -> bytes:
    """Returns a message of which a field, at any depth, is another."""
    if random.random() < 0.2:
        return mutate_bytes(data, random)
    message = ChatCompletionRequest()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return mutate_bytes(data, random)
    for _ in range(random.randint(1, 3)):
        _change(message, random)
    return message.SerializeToString()[:MAX_BYTES]


def _change(message: Message, random: Random, depth: int = 0) -> None:
    below = _messages(message)
    if below and random.random() < 0.7 and depth < 8:
        _change(random.choice(below), random, depth + 1)
        return
    if not message.DESCRIPTOR.fields:
        return
    field = random.choice(list(message.DESCRIPTOR.fields))
    if random.random() < 0.15:
        message.ClearField(field.name)
    elif _is_map(field):
        _set_entry(message, field, random)
    elif field.is_repeated:
        values = getattr(message, field.name)
        if field.message_type is not None:
            values.add()
        else:
            values.append(_scalar(field, random, None))
    elif field.message_type is not None:
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, _scalar(field, random, getattr(message, field.name)))


def _messages(message: Message) -> list[Message]:
    found: list[Message] = []
    for field, value in message.ListFields():
        if field.message_type is None or _is_map(field):
            continue
        found += list(value) if field.is_repeated else [value]
    return found


def _is_map(field: FieldDescriptor) -> bool:
    kind: Descriptor | None = field.message_type
    return kind is not None and kind.GetOptions().map_entry


def _set_entry(message: Message, field: FieldDescriptor, random: Random) -> None:
    entry = field.message_type.fields_by_name["value"]
    values = getattr(message, field.name)
    is_text = field.message_type.fields_by_name["key"].cpp_type == FieldDescriptor.CPPTYPE_STRING
    key = random.choice(("1", "x")) if is_text else 1
    if entry.message_type is not None:
        values[key].SetInParent()
    else:
        values[key] = _scalar(entry, random, None)


def _scalar(field: FieldDescriptor, random: Random, old: Any) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return random.randbytes(random.randint(0, 8))
        case FieldDescriptor.CPPTYPE_STRING:
            if old and random.random() < 0.5:
                return mutate_json(old.encode(), random).decode("utf-8", "replace")
            return random.choice(_TEXTS)
        case FieldDescriptor.CPPTYPE_BOOL:
            return random.random() < 0.5
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return random.choice((0.0, -1.0, 1.5, float("inf"), float("nan"), 1e38))
        case FieldDescriptor.CPPTYPE_UINT32 | FieldDescriptor.CPPTYPE_UINT64:
            return abs(random.choice(_NUMBERS))
        case FieldDescriptor.CPPTYPE_ENUM:
            return random.choice((*[value.number for value in field.enum_type.values], 99))
        case _:
            return random.choice(_NUMBERS)
