"""Repairs a provider's response that does not fit the typed messages.

Providers imitate OpenAI imprecisely: a number is sent as a string, an id as a number, arguments as an object. To
preserve a response that was paid for, values are converted where their meaning is clear and dropped otherwise. Used
only for responses that failed to convert, so speed does not matter.
"""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from arouter.v1.chat_moderation_pb2 import ModerationError, ModerationOutcome, ModerationResults

_ALIASES = frozenset({"reasoning", "type"})
"""Members that are read under another name, as text only."""

_BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
}


def repaired(value: Any, descriptor: Descriptor) -> dict[str, Any]:
    """Returns `value`, OpenAI's JSON for a message of this type, reduced to members that fit.

    JSON members have the names of the typed fields. Others are kept if they are extra fields of the message, or if they
    are strings, which may be an alias.
    """
    if not isinstance(value, dict):
        return {}
    if descriptor is ModerationOutcome.DESCRIPTOR:
        # A union that is flat in the JSON; the typed message has a field for each variant.
        descriptor = (ModerationError if value.get("type") == "error" else ModerationResults).DESCRIPTOR
    fields = descriptor.fields_by_name
    unknown = _fit_extra if "extra_fields_json" in fields else _fit_alias
    fitted = {
        name: _fit_field(item, fields[name]) if name in fields else unknown(name, item) for name, item in value.items()
    }
    return {name: item for name, item in fitted.items() if item is not None}


def _fit_extra(name: str, value: Any) -> Any:
    if name in _ALIASES:
        return _text_only(value)
    return value if _json_text({name: value}) is not None else None


def _fit_alias(_name: str, value: Any) -> str | None:
    return _text_only(value)


def _fit_field(value: Any, field: FieldDescriptor) -> Any:
    """Returns `value`, converted if necessary, or None if it does not fit."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _fit_map(value, field.message_type.fields_by_name["value"])
    if not field.is_repeated:
        return _fit(value, field)
    if not isinstance(value, list):
        return None
    return [item for item in (_fit(item, field) for item in value) if item is not None]


def _fit_map(value: Any, field: FieldDescriptor) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    fitted = {key: _fit(item, field) for key, item in value.items()}
    return {key: item for key, item in fitted.items() if item is not None}


def _fit(value: Any, field: FieldDescriptor) -> Any:
    if field.message_type is not None:
        return _fit_message(value, field.message_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _fit_bytes(value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _fit_text(value, field.name)
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return _text_only(value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return value if isinstance(value, bool) else None
    return _fit_number(value, field)


def _fit_message(value: Any, descriptor: Descriptor) -> Any:
    if isinstance(value, list) and [field.is_repeated for field in descriptor.fields] == [True]:
        # A map of lists; protobuf requires a message around each list.
        return _fit_field(value, descriptor.fields[0])
    return repaired(value, descriptor) if isinstance(value, dict) else None


def _fit_bytes(value: Any) -> list[int] | None:
    fits = isinstance(value, list) and all(type(item) is int and 0 <= item <= 255 for item in value)
    return value if fits else None


def _fit_text(value: Any, name: str) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if type(value) is int:
        return str(value)
    if name == "content" and isinstance(value, list):
        return "".join(part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str))
    if name == "arguments" and isinstance(value, dict):
        return _json_text(value)
    return None


def _json_text(value: dict[str, Any]) -> str | None:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested too deeply to be written
        return None


def _fit_number(value: Any, field: FieldDescriptor) -> float | int | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return number
    low, high = _BOUNDS[field.cpp_type]
    return int(number) if number.is_integer() and low <= number <= high else None


def _text_only(value: Any) -> str | None:
    return value if isinstance(value, str) else None
