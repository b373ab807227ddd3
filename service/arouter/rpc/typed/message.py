"""Converts the messages of a conversation from typed messages to OpenAI's JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arouter.errors import invalid_request
from arouter.rpc.typed.presence import add_extra, chosen_or_extra, extra_fields, optional_fields, set_fields
from arouter.rpc.typed.tool import function_call, tool_call
from arouter.v1.chat_message_pb2 import (
    ROLE_ASSISTANT,
    ROLE_DEVELOPER,
    ROLE_FUNCTION,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    Audio,
    ChatMessage,
    ContentPart,
    ContentParts,
    ImageUrl,
    InputAudio,
)
from arouter.v1.chat_tool_pb2 import ToolCall

ROLES: dict[int, str] = {
    ROLE_DEVELOPER: "developer",
    ROLE_SYSTEM: "system",
    ROLE_USER: "user",
    ROLE_ASSISTANT: "assistant",
    ROLE_TOOL: "tool",
    ROLE_FUNCTION: "function",
}
"""OpenAI's names of roles."""

_SKIPPED = frozenset({"role", "annotations", "extra_fields_json"})


def message(value: ChatMessage, path: str) -> dict[str, Any]:
    """Returns an entry of `messages`.

    Raises:
        ARouterError: INVALID_REQUEST if the role or required content is missing, or the extra fields are invalid.
    """
    role = ROLES.get(value.role)
    if role is None:
        raise invalid_request(f"'{path}.role' is not a known Role: {value.role}.", f"{path}.role")
    out: dict[str, Any] = {"role": role}
    for field, item in value.ListFields():
        name = field.name
        if name not in _SKIPPED:
            converted = _CONVERT[name](item, f"{path}.{name}") if name in _CONVERT else item
            out["content" if name == "content_parts" else name] = converted
    if value.extra_fields_json:
        add_extra(out, extra_fields(value.extra_fields_json, path), f"{path}.extra_fields_json")
    if "content" not in out and role != "assistant":
        _add_null_content(out, path)
    return out


def content_parts(value: ContentParts, path: str) -> list[dict[str, Any]]:
    """Returns content in the form of a list of parts."""
    return [_part(part, f"{path}.parts[{i}]") for i, part in enumerate(value.parts)]


def _add_null_content(out: dict[str, Any], path: str) -> None:
    if out["role"] != "function":
        text = f"'{path}.content' is required for role '{out['role']}'. Set content or content_parts."
        raise invalid_request(text, f"{path}.content")
    out["content"] = None


def _part(value: ContentPart, path: str) -> dict[str, Any]:
    extra = extra_fields(value.extra_fields_json, path)
    kind = chosen_or_extra(value, "part", extra, path)
    out: dict[str, Any] = {}
    if kind is not None:
        item = getattr(value, kind)
        out = {"type": kind, kind: item if isinstance(item, str) else _PARTS[kind](item)}
    if value.HasField("prompt_cache_breakpoint"):
        out["prompt_cache_breakpoint"] = {"mode": "explicit", **set_fields(value.prompt_cache_breakpoint)}
    add_extra(out, extra, f"{path}.extra_fields_json")
    return out


def _image_url(value: ImageUrl) -> dict[str, Any]:
    return {"url": value.url, **optional_fields(value, "detail")}


def _input_audio(value: InputAudio) -> dict[str, Any]:
    return {"data": value.data, "format": value.format}


def _tool_calls(value: list[ToolCall], path: str) -> list[dict[str, Any]]:
    return [tool_call(call, f"{path}[{i}]") for i, call in enumerate(value)]


def _audio(value: Audio, _path: str) -> dict[str, Any]:
    return {"id": value.id}


_PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "image_url": _image_url,
    "input_audio": _input_audio,
    "file": set_fields,
}

_CONVERT: dict[str, Callable[[Any, str], Any]] = {
    "content_parts": content_parts,
    "tool_calls": _tool_calls,
    "audio": _audio,
    "function_call": function_call,
}
