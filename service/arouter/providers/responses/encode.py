"""Encodes requests for the Responses API: canonical ones, and native ones, which pass as they are."""

from __future__ import annotations

from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.native import NativeRequest
from arouter.chat.parameters import PARAMETERS, is_neutral, max_tokens_of, shadowed_max_tokens
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.sealed_reasoning import is_sealed
from arouter.errors import invalid_request
from arouter.providers.lenient import object_in
from arouter.providers.responses.messages import encode_messages

Json = dict[str, Any]

ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"

_SAME = (
    "metadata",
    "moderation",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
)
"""Parameters that both APIs have."""

_TRANSLATED = frozenset(
    {
        *_SAME,
        "include_reasoning",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "stream",
        "stream_options",
        "tool_choice",
        "tools",
        "verbosity",
        "web_search_options",
    }
)
_FUNCTION_FIELDS = ("description", "parameters")


def encode_native(native: NativeRequest, model: str, *, stream: bool) -> tuple[Json, tuple[str, ...]]:
    """Returns a client's own body for the provider, and the names of what is left out.

    Nothing is stored: another router, or another account, could not read it. Reasoning of another vendor is left out,
    because OpenAI refuses what it has not encrypted itself.
    """
    body = {name: value for name, value in native.body.items() if name not in ROUTER_FIELDS}
    body |= {"model": model, "store": False}
    body.pop("stream", None)
    if stream:
        body["stream"] = True
    items = body.get("input")
    if not isinstance(items, list) or not any(map(_is_foreign, items)):
        return body, ()
    body["input"] = [item for item in items if not _is_foreign(item)]
    return body, ("input[].encrypted_content",)


def _is_foreign(item: Any) -> bool:
    return isinstance(item, dict) and is_sealed(item.get("encrypted_content"))


def encode_request(body: Json, model: str, *, stream: bool, searches: bool) -> tuple[Json, tuple[str, ...]]:
    """Returns the request body, and the parameters that have no equivalent.

    Args:
        body: The canonical request, with tool ids and names that OpenAI accepts.
        model: The model's native name.
        stream: Whether the response is streamed.
        searches: Whether the model requires a tool to search with.

    Raises:
        ARouterError: INVALID_REQUEST if the response would be to a different question.
    """
    if (body.get("n") or 1) != 1:
        raise invalid_request("'n' must be 1: this model returns only one response per request.", "n")
    for old in ("functions", "function_call"):
        if not is_neutral(old, body.get(old)):
            raise invalid_request(f"'{old}' cannot be sent to this model: use 'tools'.", old)
    dropped = Dropped()
    encoded: Json = {"model": model, "input": encode_messages(body["messages"], dropped), "store": False}
    encoded |= {name: body[name] for name in _SAME if body.get(name) is not None}
    if (limit := max_tokens_of(body)) is not None:
        encoded["max_output_tokens"] = limit
    if (shadowed := shadowed_max_tokens(body)) is not None:
        dropped.add(shadowed)
    encoded |= _tools(body, searches)
    encoded |= _reasoning(body, dropped)
    if text := _text(body):
        encoded["text"] = text
    encoded["include"] = [ENCRYPTED, *([_LOGPROBS] if body.get("logprobs") else ())]
    if stream:
        encoded["stream"] = True
        if (obfuscation := object_in(body.get("stream_options")).get("include_obfuscation")) is not None:
            encoded["stream_options"] = {"include_obfuscation": obfuscation}
    for name, value in body.items():
        if name not in _TRANSLATED and value is not None and not (name in PARAMETERS and is_neutral(name, value)):
            dropped.add(name)
    return encoded, dropped.names()


def _tools(body: Json, searches: bool) -> Json:
    tools = [_tool(tool) for tool in body.get("tools") or ()]
    search = body.get("web_search_options")
    if search is not None or (searches and not any(tool["type"] != "function" for tool in tools)):
        tools.append(_search(search or {}))
    found: Json = {"tools": tools} if tools else {}
    choice = body.get("tool_choice")
    if choice is not None and (tools or not is_neutral("tool_choice", choice)):
        found["tool_choice"] = _choice(choice)
    return found


def _tool(tool: Json) -> Json:
    kind = tool.get("type", "function")
    if kind == "custom":
        return {"type": kind, **_custom(tool["custom"])}
    if kind != "function":
        return tool
    function = tool["function"]
    described = {name: function[name] for name in _FUNCTION_FIELDS if function.get(name) is not None}
    # Without it the API tries to be strict, which chat completions do not.
    return {"type": kind, "name": function["name"], **described, "strict": function.get("strict") is True}


def _custom(custom: Json) -> Json:
    format_ = custom.get("format")
    grammar = format_.get("grammar") if isinstance(format_, dict) else None
    # Chat completions nest the grammar.
    return {**custom, "format": {"type": "grammar", **grammar}} if isinstance(grammar, dict) else custom


def _search(options: Json) -> Json:
    tool: Json = {"type": "web_search"}
    if options.get("search_context_size"):
        tool["search_context_size"] = options["search_context_size"]
    if place := object_in(options.get("user_location")).get("approximate"):
        tool["user_location"] = {"type": "approximate", **place}
    return tool


def _choice(choice: Any) -> Any:
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind in ("function", "custom"):
        return {"type": kind, "name": choice[kind]["name"]}
    if kind == "allowed_tools":
        allowed = choice[kind]
        return {"type": kind, "mode": allowed["mode"], "tools": [_choice(tool) for tool in allowed["tools"]]}
    return choice


def _reasoning(body: Json, dropped: Dropped) -> Json:
    asked = object_in(body.get("reasoning"))
    effort = asked.get("effort") or body.get("reasoning_effort")
    if asked.get("enabled") is False:
        effort = "none"
    if asked.get("max_tokens") is not None:
        dropped.add("reasoning.max_tokens")
    reasoning: Json = {"effort": effort} if effort else {}
    # Summaries only where reasoning is asked to be shown: OpenAI refuses them to accounts that are not verified.
    shown = asked and not asked.get("exclude") and asked.get("enabled") is not False
    if shown or body.get("include_reasoning"):
        reasoning["summary"] = "auto"
    return {"reasoning": reasoning} if reasoning else {}


def _text(body: Json) -> Json:
    text: Json = {}
    format_ = body.get("response_format")
    if format_ is not None:
        schema = format_.get("json_schema")
        flat = {"type": format_["type"], **schema} if isinstance(schema, dict) else format_
        if flat["type"] == "json_schema":
            flat = {"name": "response", **flat}
        text["format"] = flat
    if body.get("verbosity") is not None:
        text["verbosity"] = body["verbosity"]
    return text
