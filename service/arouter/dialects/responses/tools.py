"""Converts a Responses request's tools, and the calls of a response back.

- Function tools are nested as in chat completions.
- A namespace becomes its tools, named `<namespace>__<name>`; its description precedes that of its first tool.
- A custom tool becomes a function with one text, `input`, because few models have custom tools.
- Web search becomes `web_search_options`, unless there are functions, with which few models combine it.
- Tools that OpenAI's servers run, and those that only its models know, are named as unserved.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from arouter.chat.openai_forms import flat_name
from arouter.chat.types import NAME, OBJECT, STRING, check, missing
from arouter.dialects.unserved import Unserved
from arouter.errors import invalid_request

Json = dict[str, Any]

_SEARCHES = ("web_search", "web_search_preview")
_FUNCTION_MEMBERS = ("description", "parameters", "strict")
_EXTENSIONS = ("cache_control",)


class Tool(NamedTuple):
    """A tool as the client knows it.

    Attributes:
        name: Its name, without its namespace.
        namespace: Its namespace, or None.
        custom: Whether it takes a text in place of JSON.
    """

    name: str
    namespace: str | None = None
    custom: bool = False


class Tools:
    """The tools of one request.

    Args:
        body: The client's request.
        unserved: Collects tools without a canonical form.

    Attributes:
        canonical: The tools in canonical form.
        search: The canonical `web_search_options`, or None.

    Raises:
        ARouterError: INVALID_REQUEST with the path of an invalid tool.
    """

    def __init__(self, body: Json, unserved: Unserved) -> None:
        self.canonical: list[Json] = []
        self.search: Json | None = None
        self._unserved = unserved
        self._tools: dict[str, Tool] = {}
        self._names: dict[tuple[str | None, str], str] = {}
        self._copies: dict[str, int] = {}
        searches = []
        for index, tool in enumerate(body.get("tools") or ()):
            kind, path = tool["type"], f"tools[{index}]"
            if kind == "namespace":
                self._add_namespace(tool, path)
            elif kind in ("function", "custom"):
                self._add(tool, None, path)
            elif kind.startswith(_SEARCHES):
                searches.append(tool)
            else:
                unserved.add(f"tools[].{kind[:64]}")
        for tool in searches:
            if self.canonical:
                unserved.add(f"tools[].{tool['type'][:64]}")
            else:
                self.search = _search_options(tool)

    def named(self, name: str) -> Tool:
        """Returns the tool of a canonical name; a function if the request has none of that name."""
        return self._tools.get(name) or Tool(name)

    def flat(self, reference: Json, name: str, path: str) -> str:
        """Returns the canonical name of the tool to which an item or a choice refers.

        Args:
            reference: The item or choice, with the tool's `namespace` if it has one.
            name: The tool's name in the namespace.
            path: The path of the reference, for errors.

        Raises:
            ARouterError: INVALID_REQUEST.
        """
        namespace = reference.get("namespace")
        if namespace is not None:
            check(namespace, STRING, f"{path}.namespace")
        known = self._names.get((namespace, name))
        return known or flat_name(namespace, name)

    def choice(self, choice: Any) -> Any:
        """Returns the canonical form of a `tool_choice`, or None if it has none.

        Raises:
            ARouterError: INVALID_REQUEST.
        """
        if isinstance(choice, str):
            return choice
        kind, path = choice["type"], "tool_choice"
        if kind in ("function", "custom"):
            return self._chosen(choice, path)
        if kind == "allowed_tools":
            mode, tools = choice.get("mode"), choice.get("tools")
            if mode is None:
                raise missing(f"{path}.mode")
            if not isinstance(tools, list):
                raise missing(f"{path}.tools")
            allowed = [
                self._chosen(tool, f"{path}.tools[{index}]")
                for index, tool in enumerate(tools)
                if isinstance(tool, dict) and tool.get("type") in ("function", "custom")
            ]
            return {"type": kind, kind: {"mode": mode, "tools": allowed}}
        self._unserved.require_native(path)
        return None

    def _chosen(self, choice: Json, path: str) -> Json:
        name = choice.get("name")
        if not isinstance(name, str) or not name:
            raise missing(f"{path}.name")
        return {"type": "function", "function": {"name": self.flat(choice, name, path)}}

    def _add_namespace(self, namespace: Json, path: str) -> None:
        name, tools = namespace.get("name"), namespace.get("tools")
        check(name, NAME, f"{path}.name")
        described = namespace.get("description")
        for index, tool in enumerate(tools if isinstance(tools, list) else ()):
            inner = f"{path}.tools[{index}]"
            check(tool, OBJECT, inner)
            if tool.get("type") not in ("function", "custom"):
                raise invalid_request(f"Invalid value for '{inner}.type': expected 'function' or 'custom'.", inner)
            if index == 0 and isinstance(described, str) and described:
                tool = {**tool, "description": "\n\n".join(filter(None, (described, tool.get("description"))))}
            self._add(tool, name, inner)

    def _add(self, tool: Json, namespace: str | None, path: str) -> None:
        custom = tool["type"] == "custom"
        name = tool.get("name")
        if name is None:
            raise missing(f"{path}.name")
        check(name, NAME, f"{path}.name")
        for member, kind in (("description", STRING), ("parameters", OBJECT)):
            if tool.get(member) is not None:
                check(tool[member], kind, f"{path}.{member}")
        base = flat = flat_name(namespace, name)
        while flat in self._tools:
            # Counted per name: thousands of tools of one name must not cost the square of their number.
            count = self._copies[base] = self._copies.get(base, 0) + 1
            flat = f"{base}_{count if count > 1 else ''}"
        self._tools[flat] = Tool(name, namespace, custom)
        self._names.setdefault((namespace, name), flat)
        function: Json = {"name": flat}
        if custom:
            if tool.get("description"):
                function["description"] = tool["description"]
            function["parameters"] = _text_schema(tool.get("format"))
        else:
            function |= {member: tool[member] for member in _FUNCTION_MEMBERS if tool.get(member) is not None}
        extensions = {member: tool[member] for member in _EXTENSIONS if tool.get(member) is not None}
        self.canonical.append({"type": "function", "function": function, **extensions})


def text_arguments(text: str) -> str:
    """Returns the arguments of the function in place of a custom tool."""
    return orjson.dumps({"input": text}).decode()


def argument_text(arguments: str) -> str:
    """Returns the text in the arguments of the function in place of a custom tool; all of them if they have none."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def _text_schema(format_: Any) -> Json:
    text: Json = {"type": "string"}
    if isinstance(format_, dict) and isinstance(format_.get("definition"), str):
        text["description"] = f"Must match this grammar ({format_.get('syntax')}):\n{format_['definition']}"
    return {"type": "object", "properties": {"input": text}, "required": ["input"], "additionalProperties": False}


def _search_options(tool: Json) -> Json:
    options = {}
    if isinstance(tool.get("search_context_size"), str):
        options["search_context_size"] = tool["search_context_size"]
    if isinstance(location := tool.get("user_location"), dict):
        place = {member: value for member, value in location.items() if member != "type"}
        options["user_location"] = {"type": "approximate", "approximate": place}
    return options
