"""What all request conversions need: set fields, chosen oneofs, JSON texts, and their failures."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from arouter.chat.json_bounds import load_json
from arouter.errors import invalid_request
from arouter.v1.chat_tool_pb2 import (
    TOOL_CHOICE_MODE_AUTO,
    TOOL_CHOICE_MODE_NONE,
    TOOL_CHOICE_MODE_REQUIRED,
    ToolChoiceMode,
)

_MODES: dict[int, str] = {
    TOOL_CHOICE_MODE_NONE: "none",
    TOOL_CHOICE_MODE_AUTO: "auto",
    TOOL_CHOICE_MODE_REQUIRED: "required",
}


def set_fields(message: Message, _path: str = "") -> dict[str, Any]:
    """Returns the fields that are set in a message of scalars alone."""
    return {field.name: value for field, value in message.ListFields()}


def optional_fields(message: Message, *names: str) -> dict[str, Any]:
    """Returns those of the named `optional` fields that are set."""
    return {name: getattr(message, name) for name in names if message.HasField(name)}


def chosen(message: Message, oneof: str, path: str) -> str:
    """Returns the name of the oneof's field that is set.

    Raises:
        ARouterError: INVALID_REQUEST; none is set.
    """
    name: str | None = message.WhichOneof(oneof)
    if name is None:
        names = ", ".join(field.name for field in message.DESCRIPTOR.oneofs_by_name[oneof].fields)
        raise invalid_request(f"'{path}' is empty. Set one of: {names}.", path)
    return name


def chosen_or_extra(message: Message, oneof: str, extra: dict[str, Any], path: str) -> str | None:
    """Returns the name of the oneof's field that is set, or None where extra fields stand in for it.

    Raises:
        ARouterError: INVALID_REQUEST; there is neither.
    """
    return message.WhichOneof(oneof) if extra else chosen(message, oneof, path)


def extra_fields(text: str, path: str) -> dict[str, Any]:
    """Returns the object in the `extra_fields_json` of the message at `path`; an empty one where it is not set.

    Raises:
        ARouterError: INVALID_REQUEST; the text is not JSON, or not an object's.
    """
    return json_object(text, f"{path}.extra_fields_json") if text else {}


def add_extra(fields: dict[str, Any], extra: dict[str, Any], path: str) -> None:
    """Adds what the JSON at `path` says to the fields.

    `type` may be named by both: where it is not the name of a oneof's field, only the JSON can tell.

    Raises:
        ARouterError: INVALID_REQUEST; the JSON names a field that is there already.
    """
    twice = sorted((extra.keys() & fields.keys()) - {"type"})
    if twice:
        names = ", ".join(f"'{name}'" for name in twice)
        raise invalid_request(f"'{path}' names what is also set as a field: {names}.", path)
    fields.update(extra)


def tool_choice_mode(mode: ToolChoiceMode.ValueType, path: str) -> str:
    """Returns OpenAI's word for a mode.

    Raises:
        ARouterError: INVALID_REQUEST; the mode is unspecified or unknown.
    """
    word = _MODES.get(mode)
    if word is None:
        raise invalid_request(f"'{path}' is not a known ToolChoiceMode: {mode}.", path)
    return word


def json_object(text: str, path: str) -> dict[str, Any]:
    """Returns the JSON object that `text` holds.

    Raises:
        ARouterError: INVALID_REQUEST; the text is not JSON, or not an object's.
    """
    value = load_json(text, f"'{path}'", path)
    if not isinstance(value, dict):
        raise invalid_request(f"'{path}' must be the text of a JSON object.", path)
    return value
