"""Translates tools and the tool choice."""

from __future__ import annotations

import re
from typing import Any

from arouter.dialects.unserved import Unserved

Json = dict[str, Any]

_TOOL_EXTRAS = ("cache_control", "defer_loading", "eager_input_streaming", "input_examples")
"""Members that `providers/anthropic/tools.py` reads from canonical tools under the same names."""

_TOOL = frozenset({"type", "name", "description", "input_schema", "strict", *_TOOL_EXTRAS})
_SERVER_TOOL = re.compile(
    r"(?:advisor|code_execution|mcp_toolset|tool_search_tool_[a-z0-9]+|web_fetch|web_search)(?:_\d{8})?"
)
"""Types of tools that Anthropic's servers execute."""

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_CHOICE = frozenset({"type", "name", "disable_parallel_tool_use"})


def to_tools(body: Json, unserved: Unserved) -> Json:
    """Returns the canonical `tools`, `tool_choice` and `parallel_tool_calls` of a validated request.

    Tools of Anthropic's servers are left out, unless the model has no other or is forced to use one: then the provider
    refuses them, because the response would be to a different question. So it does with tools that Anthropic defines
    and the client executes (`bash_20250124`).
    """
    asked = body.get("tools") or []
    if not asked:
        return {}
    choice = body.get("tool_choice") or {}
    tools, left_out = [], []
    for tool in asked:
        kind = tool.get("type")
        if kind in (None, "custom"):
            tools.append(_function(tool, unserved))
        elif _SERVER_TOOL.fullmatch(kind) and not (choice.get("type") == "tool" and choice["name"] == tool.get("name")):
            left_out.append(tool)
        else:
            tools.append(tool)
    if not tools:
        tools, left_out = left_out, []
    for tool in left_out:
        unserved.add(f"tools[].{tool['type']}")
    converted: Json = {"tools": tools}
    if choice:
        converted["tool_choice"] = _choice(choice, tools)
        unserved.add_rest(choice, _CHOICE, "tool_choice.")
    if choice.get("disable_parallel_tool_use"):
        converted["parallel_tool_calls"] = False
    return converted


def _function(tool: Json, unserved: Unserved) -> Json:
    function: Json = {"name": tool["name"], "parameters": tool["input_schema"]}
    if tool.get("description"):
        function["description"] = tool["description"]
    if tool.get("strict"):
        function["strict"] = True
    unserved.add_rest(tool, _TOOL, "tools[].")
    extras = {name: tool[name] for name in _TOOL_EXTRAS if tool.get(name) is not None}
    return {"type": "function", "function": function, **extras}


def _choice(choice: Json, tools: list[Json]) -> Any:
    kind = choice["type"]
    if kind != "tool":
        return _CHOICES.get(kind, choice)
    name = choice["name"]
    if any(tool.get("name") == name for tool in tools):
        return {"type": "tool", "name": name}
    return {"type": "function", "function": {"name": name}}
