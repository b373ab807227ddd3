"""Builds typed requests from OpenAI's JSON, by the naming rules that `ChatCompletionRequest` documents.

It knows the rules and the descriptors but no field by name, so it shares no mistake with the conversion under test.
"""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from arouter.v1.chat_message_pb2 import PromptCacheBreakpoint
from arouter.v1.chat_service_pb2 import ChatCompletionRequest


def typed_request(body: dict[str, Any]) -> ChatCompletionRequest:
    return ChatCompletionRequest(**_fields(body, ChatCompletionRequest.DESCRIPTOR))


def enum_words(enum: EnumDescriptor) -> dict[str, int]:
    """Returns the numbers of an enum's values by OpenAI's words for them."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix).lower(): value.number for value in enum.values[1:]}


def _fields(value: Any, descriptor: Descriptor) -> dict[str, Any]:
    if isinstance(value, str):
        return {"mode": _one(value, descriptor.fields_by_name["mode"])}
    fields: dict[str, Any] = {}
    home = next((name for name in ("extra_body", "extra_fields_json") if name in descriptor.fields_by_name), None)
    extra = {key: item for key, item in value.items() if home and not _is_known(key, item, descriptor)}
    if home and extra:
        fields[home] = orjson.dumps(extra).decode()
    for key, item in value.items():
        if key in extra:
            continue
        if key == "type":
            variant = descriptor.fields_by_name[item].message_type
            fields |= {item: {}} if variant and not variant.fields and item not in value else {}
        elif item is not None and (descriptor, key) != (PromptCacheBreakpoint.DESCRIPTOR, "mode"):
            fields |= _field(key, item, descriptor)
    return fields


def _is_known(key: str, item: Any, descriptor: Descriptor) -> bool:
    names = descriptor.fields_by_name
    return item in names if key == "type" else key in names or f"{key}_json" in names


def _field(key: str, item: Any, descriptor: Descriptor) -> dict[str, Any]:
    field = descriptor.fields_by_name.get(key)
    if field is None:
        return {f"{key}_json": orjson.dumps(item).decode()}
    if isinstance(item, list) and not field.is_repeated:
        part = descriptor.fields_by_name[f"{key}_parts"].message_type.fields_by_name["parts"]
        return {f"{key}_parts": {"parts": [_one(entry, part) for entry in item]}}
    if isinstance(item, dict) and field.message_type is None:
        return {f"{key}_{inner}": value for inner, value in item.items()}
    if isinstance(item, list):
        return {key: [_one(entry, field) for entry in item]}
    return {key: _one(item, field)}


def _one(item: Any, field: FieldDescriptor) -> Any:
    if field.enum_type is not None:
        return enum_words(field.enum_type)[item]
    if field.message_type is None or field.message_type.GetOptions().map_entry:
        return item
    return _fields(item, field.message_type)
