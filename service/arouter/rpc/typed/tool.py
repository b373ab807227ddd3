"""Converts tools, tool choices and tool calls of a request from typed messages to OpenAI's JSON."""

from __future__ import annotations

from typing import Any

from arouter.rpc.typed.presence import (
    add_extra,
    chosen,
    chosen_or_extra,
    extra_fields,
    json_object,
    optional_fields,
    tool_choice_mode,
)
from arouter.v1.chat_tool_pb2 import (
    AllowedTools,
    CustomTool,
    CustomToolFormat,
    FunctionCall,
    FunctionCallChoice,
    FunctionDefinition,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
)


def tool(value: Tool, path: str) -> dict[str, Any]:
    """Returns an entry of `tools`."""
    extra = extra_fields(value.extra_fields_json, path)
    kind = chosen_or_extra(value, "tool", extra, path)
    out: dict[str, Any] = {}
    if kind == "function":
        out = {"type": kind, kind: function_definition(value.function, f"{path}.function")}
    elif kind == "custom":
        out = {"type": kind, kind: _custom_tool(value.custom, f"{path}.custom")}
    add_extra(out, extra, f"{path}.extra_fields_json")
    return out


def function_definition(value: FunctionDefinition, path: str) -> dict[str, Any]:
    """Returns a function, of a tool or of the deprecated `functions`."""
    out = {"name": value.name, **optional_fields(value, "description")}
    if value.parameters_json:
        out["parameters"] = json_object(value.parameters_json, f"{path}.parameters_json")
    if value.HasField("strict"):
        out["strict"] = value.strict
    return out


def tool_choice(value: ToolChoice, path: str) -> str | dict[str, Any]:
    """Returns `tool_choice`."""
    kind = chosen(value, "choice", path)
    if kind == "mode":
        return tool_choice_mode(value.mode, f"{path}.mode")
    if kind == "allowed_tools":
        return {"type": kind, kind: _allowed_tools(value.allowed_tools, f"{path}.allowed_tools")}
    return {"type": kind, kind: {"name": getattr(value, kind).name}}


def function_call_choice(value: FunctionCallChoice, path: str) -> str | dict[str, Any]:
    """Returns the deprecated `function_call` of a request."""
    if chosen(value, "choice", path) == "mode":
        return tool_choice_mode(value.mode, f"{path}.mode")
    return {"name": value.name}


def tool_call(value: ToolCall, path: str) -> dict[str, Any]:
    """Returns an entry of an assistant message's `tool_calls`."""
    extra = extra_fields(value.extra_fields_json, path)
    kind = chosen_or_extra(value, "call", extra, path)
    out: dict[str, Any] = {"id": value.id}
    if kind == "function":
        out |= {"type": kind, kind: function_call(value.function)}
    elif kind == "custom":
        out |= {"type": kind, kind: {"name": value.custom.name, "input": value.custom.input}}
    add_extra(out, extra, f"{path}.extra_fields_json")
    return out


def function_call(value: FunctionCall, _path: str = "") -> dict[str, Any]:
    """Returns a function call, of a tool call or the deprecated standalone one."""
    return {"name": value.name, "arguments": value.arguments}


def _custom_tool(value: CustomTool, path: str) -> dict[str, Any]:
    out = {"name": value.name, **optional_fields(value, "description")}
    if value.HasField("format"):
        out["format"] = _custom_tool_format(value.format, f"{path}.format")
    return out


def _custom_tool_format(value: CustomToolFormat, path: str) -> dict[str, Any]:
    kind = chosen(value, "format", path)
    if kind == "text":
        return {"type": kind}
    return {"type": kind, kind: {"definition": value.grammar.definition, "syntax": value.grammar.syntax}}


def _allowed_tools(value: AllowedTools, path: str) -> dict[str, Any]:
    return {
        "mode": tool_choice_mode(value.mode, f"{path}.mode"),
        "tools": [_tool_reference(reference, f"{path}.tools[{i}]") for i, reference in enumerate(value.tools)],
    }


def _tool_reference(value: ToolReference, path: str) -> dict[str, Any]:
    kind = chosen(value, "tool", path)
    return {"type": kind, kind: {"name": getattr(value, kind).name}}
