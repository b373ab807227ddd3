"""Converts a Responses request to the canonical chat.

Sources: `openai.types.responses.response_create_params` of the official SDK; developers.openai.com, "Create a model
response".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from arouter.chat.parameters import PARAMETERS, is_neutral
from arouter.chat.request import check_body
from arouter.chat.types import (
    BOOLEAN,
    NAME,
    OBJECT,
    OBJECTS,
    STRING,
    STRINGS,
    Kind,
    Shape,
    check_document,
    integer,
    missing,
    object_of,
)
from arouter.dialects.responses.input import Conversation
from arouter.dialects.responses.tools import Tools
from arouter.dialects.unserved import Unserved
from arouter.errors import invalid_request

Json = dict[str, Any]

_LOGPROBS = "message.output_text.logprobs"

_STATEFUL = {
    "background": "ARouter runs no responses in the background: stream the response instead.",
    "conversation": "ARouter stores no conversations: send all items in 'input'.",
    "previous_response_id": "ARouter stores no responses: send all items in 'input'.",
    "prompt": "ARouter stores no prompts: send 'instructions' and 'input'.",
}
"""Parameters that need what OpenAI stores."""

_FORMAT = object_of(
    {"type": STRING, "description": STRING, "strict": BOOLEAN},
    "type",
    variants={"json_schema": Shape({"name": NAME, "schema": OBJECT}, ("name", "schema"))},
)
_OWN: dict[str, Kind] = {
    "include": STRINGS,
    "input": Kind("a string or an array of items", (str, list)),
    "instructions": STRING,
    "max_output_tokens": integer(1),
    "reasoning": object_of({"effort": STRING, "summary": STRING}),
    "store": BOOLEAN,
    "stream": BOOLEAN,
    "stream_options": object_of({"include_obfuscation": BOOLEAN}),
    "text": object_of({"format": _FORMAT, "verbosity": STRING}),
    "tool_choice": Kind("a string or an object", (str, dict), shape=Shape({"type": NAME}, ("type",))),
    "tools": OBJECTS._replace(items=object_of({"type": NAME}, "type")),
    "truncation": STRING,
}
"""Parameters whose form differs from chat completions."""

_SHARED = PARAMETERS.keys() - _OWN.keys() - {"audio", "function_call", "functions", "messages", "modalities", "n"}
"""Parameters that pass unchanged, among them some that only chat completions and the router have."""

KINDS = {name: PARAMETERS[name].kind for name in _SHARED} | _OWN


class Canonical(NamedTuple):
    """A request in canonical form.

    Attributes:
        body: The canonical body.
        unserved: Names of what has no canonical form and is left out.
        native_only: Paths of what has none, and without which the response would be to a different question.
    """

    body: Json
    unserved: tuple[str, ...]
    native_only: tuple[str, ...]


def canonical_request(body: Any) -> Canonical:
    """Returns the canonical request.

    Args:
        body: The JSON value of the client's request. Not modified.

    Raises:
        ARouterError: INVALID_REQUEST with the client's path of the invalid member.
    """
    check_document(body, KINDS)
    for name, reason in _STATEFUL.items():
        if body.get(name):
            raise invalid_request(f"Parameter '{name}' is not supported: {reason}", name)
    unserved = Unserved()
    for name in body:
        if name not in KINDS and name not in _STATEFUL and body[name] is not None:
            unserved.add(name)
    if body.get("truncation") not in (None, "disabled"):
        unserved.add("truncation")
    tools = Tools(body, unserved)
    canonical = {name: body[name] for name in body if name in _SHARED and body[name] is not None}
    conversation = _conversation(body, tools, unserved)
    # A request of native items alone: its canonical form serves only estimates and planning.
    canonical["messages"] = conversation.messages() or [{"role": "user", "content": ""}]
    canonical |= _tools(body, tools)
    canonical |= _output(body)
    check_body(canonical)
    return Canonical(canonical, unserved.names(), tuple(unserved.native_only))


def _conversation(body: Json, tools: Tools, unserved: Unserved) -> Conversation:
    conversation = Conversation(tools, unserved)
    if body.get("instructions"):
        conversation.add_message("system", body["instructions"])
    items = body.get("input")
    if items is None:
        raise missing("input")
    if isinstance(items, str):
        conversation.add_message("user", items)
    else:
        for index, item in enumerate(items):
            conversation.add(item, f"input[{index}]")
    if not items:
        raise invalid_request("Parameter 'input' must hold at least one item.", "input")
    return conversation


def _tools(body: Json, tools: Tools) -> Json:
    found: Json = {}
    if tools.canonical:
        found["tools"] = tools.canonical
    if tools.search is not None:
        found["web_search_options"] = tools.search
    choice = body.get("tool_choice")
    if choice is not None and (tools.canonical or not is_neutral("tool_choice", choice)):
        chosen = tools.choice(choice)
        if chosen is not None:
            found["tool_choice"] = chosen
    return found


def _output(body: Json) -> Json:
    """Returns the options about the response."""
    found: Json = {}
    if body.get("max_output_tokens") is not None:
        found["max_completion_tokens"] = body["max_output_tokens"]
    if _LOGPROBS in (body.get("include") or ()) or body.get("top_logprobs"):
        found["logprobs"] = True
    if (effort := (body.get("reasoning") or {}).get("effort")) is not None:
        found["reasoning_effort"] = effort
    text = body.get("text") or {}
    if text.get("verbosity") is not None:
        found["verbosity"] = text["verbosity"]
    if (format_ := text.get("format")) is not None:
        kind = format_["type"]
        if kind == "json_schema":
            schema = {name: value for name, value in format_.items() if name != "type" and value is not None}
            found["response_format"] = {"type": kind, kind: schema}
        elif kind != "text":
            found["response_format"] = format_
    if (body.get("stream_options") or {}).get("include_obfuscation") is not None:
        found["stream_options"] = {"include_obfuscation": body["stream_options"]["include_obfuscation"]}
    return found
