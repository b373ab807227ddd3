"""Helpers of all request conversions: set fields, oneofs, JSON texts and their errors."""

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
    """Returns the set fields of a message that has only scalars."""
    return {field.name: value for field, value in message.ListFields()}


def optional_fields(message: Message, *names: str) -> dict[str, Any]:
    """Returns those of the named `optional` fields that are set."""
    return {name: getattr(message, name) for name in names if message.HasField(name)}


def chosen(message: Message, oneof: str, path: str) -> str:
    """Returns the name of the set field of a oneof.

    Raises:
        ARouterError: INVALID_REQUEST if none is set.
    """
    name: str | None = message.WhichOneof(oneof)
    if name is None:
        names = ", ".join(field.name for field in message.DESCRIPTOR.oneofs_by_name[oneof].fields)
        raise invalid_request(f"'{path}' is empty. Set one of: {names}.", path)
    return name


def chosen_or_extra(message: Message, oneof: str, extra: dict[str, Any], path: str) -> str | None:
    """Returns the name of the set field of a oneof, or None if extra fields replace it.

    Raises:
        ARouterError: INVALID_REQUEST if there are neither.
    """
    return message.WhichOneof(oneof) if extra else chosen(message, oneof, path)


def extra_fields(text: str, path: str) -> dict[str, Any]:
    """Returns the object in the `extra_fields_json` of the message at `path`; empty if unset.

    Raises:
        ARouterError: INVALID_REQUEST if the text is not a JSON object.
    """
    return json_object(text, f"{path}.extra_fields_json") if text else {}


def add_extra(fields: dict[str, Any], extra: dict[str, Any], path: str) -> None:
    """Adds the members of the JSON at `path` to the fields.

    Both may contain `type`: if it is not the name of a field of the oneof, only the JSON can express it.

    Raises:
        ARouterError: INVALID_REQUEST if the JSON has a member that is already set as a field.
    """
    twice = sorted((extra.keys() & fields.keys()) - {"type"})
    if twice:
        names = ", ".join(f"'{name}'" for name in twice)
        raise invalid_request(f"'{path}' contains members that are also set as fields: {names}.", path)
    fields.update(extra)


def tool_choice_mode(mode: ToolChoiceMode.ValueType, path: str) -> str:
    """Returns OpenAI's name of a mode.

    Raises:
        ARouterError: INVALID_REQUEST if the mode is unspecified or unknown.
    """
    word = _MODES.get(mode)
    if word is None:
        raise invalid_request(f"'{path}' is not a known ToolChoiceMode: {mode}.", path)
    return word


def json_object(text: str, path: str) -> dict[str, Any]:
    """Parses the text of a JSON object.

    Raises:
        ARouterError: INVALID_REQUEST if the text is not a JSON object.
    """
    value = load_json(text, f"'{path}'", path)
    if not isinstance(value, dict):
        raise invalid_request(f"'{path}' must be the text of a JSON object.", path)
    return value
