"""Encodes tools and tool_choice as Gemini's tools and functionCallingConfig.

JSON Schemas are sent in `parametersJsonSchema` with the client's key order; the older `parameters` takes an OpenAPI
dialect that lacks much of what clients use.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.types import name_of
from arouter.errors import ARouterError, invalid_request
from arouter.providers.gemini.schema_rules import RULES
from arouter.providers.json_schema import adapt_schema
from arouter.providers.lenient import JsonObject, object_in, objects, text_in

# Gemini's own tools, which a client may use besides its functions.
_NATIVE = {
    "code_execution": "codeExecution",
    "computer_use": "computerUse",
    "file_search": "fileSearch",
    "google_maps": "googleMaps",
    "google_search": "googleSearch",
    "google_search_retrieval": "googleSearchRetrieval",
    "url_context": "urlContext",
}
_NATIVE_NAMES = _NATIVE | {name: name for name in _NATIVE.values()}

_TOOL_FIELDS = frozenset({"type", "function"})
_FUNCTION_FIELDS = frozenset({"name", "description", "parameters", "strict"})
_CHOICE_FIELDS = frozenset({"type", "function", "allowed_tools"})
_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY"}


def encode_tools(body: JsonObject, dropped: Dropped) -> JsonObject:
    """Returns `tools` and `toolConfig`, if present.

    Raises:
        ARouterError: INVALID_REQUEST with the tool or choice that Gemini does not support.
    """
    declarations: list[JsonObject] = []
    tools: list[JsonObject] = []
    strict = False
    for index, tool in enumerate(body.get("tools") or []):
        path = f"tools[{index}]"
        if tool.get("type") == "function":
            function = object_in(tool.get("function"))
            strict = strict or function.get("strict") is True
            declarations.append(_declaration(function, f"{path}.function", dropped))
            dropped.add_rest(tool, _TOOL_FIELDS, "tools[].")
            dropped.add_rest(function, _FUNCTION_FIELDS, "tools[].function.")
        else:
            tools.append(_native_tool(tool, path))
    for index, function in enumerate(body.get("functions") or []):
        declarations.append(_declaration(function, f"functions[{index}]", dropped))
        dropped.add_rest(function, _FUNCTION_FIELDS, "functions[].")
    if declarations:
        tools.insert(0, {"functionDeclarations": declarations})
    if (search := body.get("web_search_options")) is not None:
        for name in search:
            dropped.add(f"web_search_options.{name}")
        if not any("googleSearch" in tool for tool in tools):
            tools.append({"googleSearch": {}})
    config = _choice(body, dropped)
    if strict and config.get("mode") in (None, "AUTO"):
        config["mode"] = "VALIDATED"
    encoded: JsonObject = {"tools": tools} if tools else {}
    if config:
        encoded["toolConfig"] = {"functionCallingConfig": config}
    return encoded


def _declaration(function: JsonObject, path: str, dropped: Dropped) -> JsonObject:
    name = text_in(function.get("name"))
    if name is None:
        raise invalid_request(f"Missing required parameter: '{path}.name', a string.", f"{path}.name")
    declaration: JsonObject = {"name": name}
    if (description := function.get("description")) is not None:
        declaration["description"] = description
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise invalid_request(
            f"Invalid type for '{path}.parameters': expected an object, got {name_of(parameters)}.",
            f"{path}.parameters",
        )
    if parameters:
        declaration["parametersJsonSchema"], weaker = adapt_schema(parameters, RULES, f"{path}.parameters")
        if weaker:
            dropped.add("tools[].function.parameters")
    return declaration


def _native_tool(tool: JsonObject, path: str) -> JsonObject:
    names = [name for name in tool if name != "type"]
    if not names or not all(name in _NATIVE_NAMES for name in names):
        kind = tool.get("type")
        shown = f"of type {kind[:64]!r}" if isinstance(kind, str) else "without a type"
        raise invalid_request(f"Tools {shown} are not supported by Gemini ('{path}').", f"{path}.type")
    return {_NATIVE_NAMES[name]: tool[name] or {} for name in names}


def _choice(body: JsonObject, dropped: Dropped) -> JsonObject:
    """Returns functionCallingConfig; empty if the request does not set a choice."""
    param = "tool_choice" if body.get("tool_choice") is not None else "function_call"
    choice = body.get(param)
    if choice is None:
        return {}
    if param == "tool_choice":
        if body.get("function_call") is not None:
            dropped.add("function_call")
        if isinstance(choice, dict):
            dropped.add_rest(choice, _CHOICE_FIELDS, "tool_choice.")
    if isinstance(choice, str):
        if choice not in _MODES:
            raise _unknown(param)
        return {"mode": _MODES[choice]}
    if param == "function_call" or choice.get("type") == "function":
        called = choice if param == "function_call" else object_in(choice.get("function"))
        name = text_in(called.get("name"))
        if name is None:
            raise _unknown(param)
        return {"mode": "ANY", "allowedFunctionNames": [name]}
    if choice.get("type") == "allowed_tools":
        return _allowed(object_in(choice.get("allowed_tools")))
    raise _unknown(param)


def _allowed(allowed: JsonObject) -> JsonObject:
    names: list[Any] = [object_in(tool.get("function")).get("name") for tool in objects(allowed.get("tools"))]
    mode = allowed.get("mode")
    if mode not in ("auto", "required") or not names or not all(text_in(name) for name in names):
        raise _unknown("tool_choice.allowed_tools")
    # AUTO takes no names; VALIDATED is AUTO with names.
    return {"mode": "ANY" if mode == "required" else "VALIDATED", "allowedFunctionNames": names}


def _unknown(param: str) -> ARouterError:
    return invalid_request(
        f"Invalid value for '{param}'. Gemini supports none, auto, required, one function or a set of functions.",
        param,
    )
