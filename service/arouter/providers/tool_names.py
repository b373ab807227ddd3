"""Converts tool names to a format that a provider accepts, and back.

OpenAI, Anthropic and Mistral accept letters, digits, `_` and `-`; Gemini a few more characters. Names of MCP servers
contain dots, slashes and colons, and may be long.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arouter.chat.chunks import Chunk

Json = dict[str, Any]

_DIGEST = 8
"""Length of the hexadecimal suffix that keeps converted names distinct."""

_OTHERS = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True)
class NameFormat:
    """The format of names that a provider accepts.

    Attributes:
        pattern: A regular expression that matches the whole name.
        length: Maximum length in characters.
    """

    pattern: str
    length: int

    def name(self, name: str) -> str:
        """Returns the converted name; a valid name is unchanged."""
        if len(name) <= self.length and re.fullmatch(self.pattern, name):
            return name
        readable = _OTHERS.sub("_", name)[: self.length - _DIGEST - 2]
        if not readable[:1].isalpha() and not readable.startswith("_"):
            readable = f"_{readable}"
        return f"{readable}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST]}"


# developers.openai.com, "Function calling"; platform.claude.com, "Tool use"; ai.google.dev, FunctionDeclaration.
OPENAI = NameFormat("[a-zA-Z0-9_-]+", 64)
ANTHROPIC = NameFormat("[a-zA-Z0-9_-]+", 128)
GEMINI = NameFormat("[a-zA-Z_][a-zA-Z0-9_.:-]*", 64)


def portable_names(body: Json, format_: NameFormat) -> Mapping[str, str]:
    """Renames tools in a request: in declarations, choices, calls and results.

    Args:
        body: Modified in place at the top level only.
        format_: The provider's format.

    Returns:
        The original names of the renamed tools, by the names that are sent.
    """
    declared = [name for tool in body.get("tools") or () if (name := _name(tool))]
    declared += [name for function in body.get("functions") or () if (name := function.get("name"))]
    called = [name for message in body["messages"] for call in message.get("tool_calls") or () if (name := _name(call))]
    new = {name: sent for name in dict.fromkeys(declared + called) if (sent := format_.name(name)) != name}
    if not new:
        return {}
    for field in ("tools", "functions"):
        if body.get(field):
            body[field] = [_renamed(each, new) for each in body[field]]
    if body.get("tool_choice"):
        body["tool_choice"] = _renamed_choice(body["tool_choice"], new)
    if isinstance(body.get("function_call"), dict):
        body["function_call"] = _renamed(body["function_call"], new)
    body["messages"] = [_renamed_message(message, new) for message in body["messages"]]
    return {sent: name for name, sent in new.items()}


def restore_names(choices: list[Any], part: str, names: Mapping[str, str]) -> None:
    """Restores the request's tool names in the choices of a response, in place.

    Args:
        choices: The choices of a completion or chunk in canonical form.
        part: The member with the message, `message` or `delta`.
        names: The result of `portable_names`.
    """
    for choice in choices:
        for call in choice[part].get("tool_calls") or ():
            function = call.get("function")
            if isinstance(function, dict) and function.get("name") in names:
                function["name"] = names[function["name"]]
        legacy = choice[part].get("function_call")
        if isinstance(legacy, dict) and legacy.get("name") in names:
            legacy["name"] = names[legacy["name"]]


def restore_in_chunks(chunks: list[Chunk], names: Mapping[str, str]) -> None:
    """Like `restore_names`, for the chunks of a stream."""
    for chunk in chunks:
        restore_names(chunk["choices"], "delta", names)


def _name(holder: Json) -> str | None:
    function = holder.get("function") if isinstance(holder, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _renamed(holder: Json, new: Mapping[str, str]) -> Json:
    """Returns a tool, call, choice or function with the new name of its function."""
    if isinstance(function := holder.get("function"), dict):
        return {**holder, "function": _renamed(function, new)}
    name = str(holder.get("name"))
    return {**holder, "name": new[name]} if name in new else holder


def _renamed_choice(choice: Any, new: Mapping[str, str]) -> Any:
    if not isinstance(choice, dict):
        return choice
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict) and isinstance(allowed.get("tools"), list):
        return {**choice, "allowed_tools": {**allowed, "tools": [_renamed(tool, new) for tool in allowed["tools"]]}}
    return _renamed(choice, new)


def _renamed_message(message: Json, new: Mapping[str, str]) -> Json:
    changed = dict(message)
    if message.get("tool_calls"):
        changed["tool_calls"] = [_renamed(call, new) for call in message["tool_calls"]]
    if isinstance(message.get("function_call"), dict):
        changed["function_call"] = _renamed(message["function_call"], new)
    if message.get("role") in ("tool", "function") and message.get("name") in new:
        changed["name"] = new[message["name"]]
    return changed
