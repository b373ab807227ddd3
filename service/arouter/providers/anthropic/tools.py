"""Encodes tools and the tool choice."""

from __future__ import annotations

import re
from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.parameters import is_neutral
from arouter.errors import invalid_request
from arouter.providers.anthropic.schema_rules import RULES
from arouter.providers.anthropic.tool_schema import plain_object
from arouter.providers.anthropic.unchecked import Json, inexpressible, optional, required, wrong_type
from arouter.providers.json_schema import RecursiveSchemaError, adapt_schema

# Tools that Anthropic defines and the client executes. Tools executed by Anthropic's servers return blocks that a chat
# completion cannot represent.
_CLIENT_TOOL = re.compile(r"(bash|text_editor|memory)_\d{8}")
_TOOL_EXTRAS = ("cache_control", "defer_loading", "eager_input_streaming", "input_examples")
_TOOL_FIELDS = frozenset({"type", "function", *_TOOL_EXTRAS})
_FUNCTION_FIELDS = frozenset({"name", "description", "parameters", "strict", "cache_control"})
_CHOICE_FIELDS = frozenset({"type", "function", "name", "allowed_tools"})
_CHOICES = {"none": "none", "auto": "auto", "required": "any", "any": "any"}


def encode_tools(body: Json, *, can_force: bool, dropped: Dropped) -> Json:
    """Returns the request's `tools` and `tool_choice`, if present.

    Args:
        body: The canonical request.
        can_force: Whether tool calls can be forced. If not, the model chooses, and that is reported as dropped.
        dropped: Collects parameters without an equivalent.
    """
    for old in ("functions", "function_call"):
        if not is_neutral(old, body.get(old)):
            raise inexpressible(f"'{old}', which OpenAI replaced with 'tools',", old)
    tools = [_tool(tool, f"tools[{index}]", dropped) for index, tool in enumerate(body.get("tools") or [])]
    choice = _choice(body, dropped)
    if choice["type"] == "allowed":
        tools = [tool for tool in tools if tool["name"] in choice["names"]]
        choice = {"type": choice["mode"]}
    if not tools:
        if choice["type"] in ("any", "tool"):
            raise invalid_request("'tool_choice' requires a tool, but the request has none.", "tool_choice")
        return {}
    if choice["type"] in ("any", "tool") and not can_force:
        dropped.add("tool_choice")
        choice = {"type": "auto"}
    if body.get("parallel_tool_calls") is False and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tools": tools} if choice == {"type": "auto"} else {"tools": tools, "tool_choice": choice}


def _tool(tool: Json, path: str, dropped: Dropped) -> Json:
    kind = required(tool, "type", str, path)
    if _CLIENT_TOOL.fullmatch(kind):
        required(tool, "name", str, path)
        return tool
    if kind != "function":
        raise inexpressible(f"A tool of type '{kind[:64]}'", f"{path}.type")
    function = required(tool, "function", dict, path)
    path = f"{path}.function"
    encoded: Json = {"name": required(function, "name", str, path)}
    description = optional(function, "description", str, path)
    if description:
        encoded["description"] = description
    schema = {"type": "object", **(optional(function, "parameters", dict, path) or {"properties": {}})}
    encoded["input_schema"], weaker = plain_object(schema, f"{path}.parameters")
    if weaker:
        dropped.add("tools[].function.parameters")
    if optional(function, "strict", bool, path):
        _make_strict(encoded, path, dropped)
    for extra in _TOOL_EXTRAS:
        value = tool.get(extra, function.get(extra))
        if value is not None:
            encoded[extra] = value
    dropped.add_rest(tool, _TOOL_FIELDS, "tools[].")
    dropped.add_rest(function, _FUNCTION_FIELDS | set(_TOOL_EXTRAS), "tools[].function.")
    return encoded


def _make_strict(encoded: Json, path: str, dropped: Dropped) -> None:
    """Makes a tool strict; its schema then has the restrictions of structured outputs."""
    try:
        schema, weaker = adapt_schema(encoded["input_schema"], RULES, f"{path}.parameters")
    except RecursiveSchemaError:
        dropped.add("tools[].function.strict")
        return
    encoded["input_schema"], encoded["strict"] = schema, True
    if weaker:
        dropped.add("tools[].function.parameters")


def _choice(body: Json, dropped: Dropped) -> Json:
    choice = body.get("tool_choice")
    if choice is None:
        return {"type": "auto"}
    kind = choice if isinstance(choice, str) else required(choice, "type", str, "tool_choice")
    if isinstance(choice, dict):
        dropped.add_rest(choice, _CHOICE_FIELDS, "tool_choice.")
    if kind in _CHOICES:
        return {"type": _CHOICES[kind]}
    if isinstance(choice, dict):
        if kind == "function":
            function = required(choice, "function", dict, "tool_choice")
            return {"type": "tool", "name": required(function, "name", str, "tool_choice.function")}
        if kind == "tool":
            return {"type": "tool", "name": required(choice, "name", str, "tool_choice")}
        if kind == "allowed_tools":
            return _allowed(required(choice, "allowed_tools", dict, "tool_choice"))
    raise invalid_request(
        f"Invalid value for 'tool_choice': {kind[:64]!r}. This model supports 'none', 'auto', 'required', a function or"
        " 'allowed_tools'.",
        "tool_choice",
    )


def _allowed(allowed: Json) -> Json:
    path = "tool_choice.allowed_tools"
    mode = required(allowed, "mode", str, path)
    if mode not in ("auto", "required"):
        raise invalid_request(f"'{path}.mode' must be 'auto' or 'required'.", f"{path}.mode")
    names = {
        _allowed_name(tool, f"{path}.tools[{index}]")
        for index, tool in enumerate(required(allowed, "tools", list, path))
    }
    return {"type": "allowed", "mode": _CHOICES[mode], "names": names}


def _allowed_name(tool: Any, path: str) -> str:
    if not isinstance(tool, dict):
        raise wrong_type(path, dict, tool)
    return required(required(tool, "function", dict, path), "name", str, f"{path}.function")
