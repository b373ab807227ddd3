"""Translates `tools` and `toolConfig` to canonical tools, tool choice and web search."""

from __future__ import annotations

from typing import Any

from arouter.chat.types import NAME, missing
from arouter.dialects.gemini.fields import Fields, Json
from arouter.dialects.gemini.schemas import json_schema
from arouter.dialects.unserved import Unserved

_SEARCHES = ("googleSearch", "googleSearchRetrieval", "enterpriseWebSearch")
"""Google's tools that are a web search."""


def read_tools(request: Fields, unserved: Unserved) -> Json:
    """Returns `tools`, `tool_choice` and `web_search_options`, as far as the request has them.

    Raises:
        ARouterError: INVALID_REQUEST.
    """
    functions: list[Json] = []
    canonical: Json = {}
    for tool in request.objects("tools"):
        functions += [_function(each, unserved) for each in tool.objects("functionDeclarations")]
        for name in _SEARCHES:
            search = tool.json_object(name)
            if search is not None:
                canonical["web_search_options"] = {}
                for option in search:
                    unserved.add(f"tools[].{name}.{option}")
        for name in tool.names():
            if tool.take_any(name) not in ([], False):  # an empty object turns a tool on
                unserved.add(f"tools[].{name}")
    if functions:
        canonical["tools"] = functions
    config = request.object("toolConfig")
    if config is not None:
        calling = config.object("functionCallingConfig")
        choice = None if calling is None else _choice(calling, unserved)
        if choice is not None:
            canonical["tool_choice"] = choice
        for name in config.rest():
            unserved.add(f"toolConfig.{name}")
    return canonical


def _function(declaration: Fields, unserved: Unserved) -> Json:
    name = declaration.take("name", NAME)
    if name is None:
        raise missing(declaration.at("name"))
    function: Json = {"name": name}
    if description := declaration.text("description"):
        function["description"] = description
    schema = declaration.json_object("parametersJsonSchema")
    older = declaration.take_any("parameters")
    if schema is None and older is not None:
        schema = json_schema(older, declaration.at("parameters"))
    if schema:
        function["parameters"] = schema
    if declaration.text("behavior") == "NON_BLOCKING":
        unserved.add("tools[].functionDeclarations[].behavior")
    for rest in declaration.rest():
        unserved.add(f"tools[].functionDeclarations[].{rest}")
    return {"type": "function", "function": function}


def _choice(calling: Fields, unserved: Unserved) -> Any:
    mode = calling.word("mode", "AUTO", "ANY", "NONE", "VALIDATED") or "AUTO"
    names = calling.texts("allowedFunctionNames")
    for rest in calling.rest():
        unserved.add(f"toolConfig.functionCallingConfig.{rest}")
    if mode == "NONE":
        return "none"
    if mode == "ANY" and len(names) == 1:
        return {"type": "function", "function": {"name": names[0]}}
    if names:
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        allowed = {"mode": "required" if mode == "ANY" else "auto", "tools": tools}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    if mode == "VALIDATED":
        # `strict` would be stricter: other vendors refuse most schemas with it.
        unserved.add("toolConfig.functionCallingConfig.mode")
    return "required" if mode == "ANY" else "auto"
