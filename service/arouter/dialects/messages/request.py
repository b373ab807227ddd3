"""Translates a request to the canonical form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from arouter.chat.native import NativeRequest
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.request import ChatRequest
from arouter.dialects.messages.betas import forwarded_headers
from arouter.dialects.messages.conversation import to_messages
from arouter.dialects.messages.shapes import check_request
from arouter.dialects.messages.tools import to_tools
from arouter.dialects.unserved import Unserved

Json = dict[str, Any]

NAME = "messages"

REQUIRED_TO_COUNT = ("model", "messages")
REQUIRED = ("model", "max_tokens", "messages")
_OUTPUT_CONFIG = frozenset({"effort", "format"})
_THINKING = frozenset({"type", "budget_tokens", "display"})
_SAME = ("temperature", "top_k", "top_p")
"""Parameters with the same name and meaning in the canonical form."""

_TRANSLATED = frozenset(
    {
        *ROUTER_FIELDS,
        *_SAME,
        *REQUIRED,
        "metadata",
        "output_config",
        "output_format",
        "service_tier",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
_MAX_USER = 64
"""OpenAI's maximum for `user`, in characters; claude-code's ids have 150."""

_DEFAULT_EFFORT = "high"
"""Of adaptive thinking (platform.claude.com, "Effort")."""

_TURNED_OFF = ("disabled", "between_tools")


def decode_request(body: Any, headers: Mapping[str, str], *, counting: bool = False) -> ChatRequest:
    """Translates a request.

    Args:
        body: The JSON value of its body.
        headers: Its headers by lower-case name.
        counting: Whether only its tokens are counted, so that it needs no `max_tokens`.

    Raises:
        ARouterError: INVALID_REQUEST with the client's path.
    """
    check_request(body, REQUIRED_TO_COUNT if counting else REQUIRED)
    unserved = Unserved()
    stream = body.get("stream") is True
    canonical: Json = {"model": body["model"], "messages": to_messages(body, unserved)}
    # 0 only fills Anthropic's prompt cache.
    if (limit := body.get("max_tokens")) is not None:
        canonical["max_tokens"] = limit or 1
        if not limit:
            unserved.add("max_tokens")
    canonical |= to_tools(body, unserved)
    canonical |= _reasoning(body, unserved)
    canonical |= _response_format(body)
    canonical |= {name: body[name] for name in _SAME if body.get(name) is not None}
    if stops := body.get("stop_sequences"):
        canonical["stop"] = stops
    if user := _user(body, unserved):
        canonical["user"] = user
    if body.get("service_tier") == "standard_only":
        canonical["service_tier"] = "default"
    canonical |= {name: body[name] for name in ROUTER_FIELDS if name in body}
    unserved.add_rest(body, _TRANSLATED, "")
    return ChatRequest(
        canonical,
        stream=stream,
        include_usage=stream,
        native=NativeRequest(NAME, _without_router_fields(body), forwarded_headers(headers)),
        unserved=unserved.names(),
    )


def _without_router_fields(body: Json) -> Json:
    if not any(name in body for name in ROUTER_FIELDS):
        return body
    return {name: value for name, value in body.items() if name not in ROUTER_FIELDS}


def _reasoning(body: Json, unserved: Unserved) -> Json:
    config = body.get("output_config") or {}
    unserved.add_rest(config, _OUTPUT_CONFIG, "output_config.")
    effort, thinking = config.get("effort"), body.get("thinking")
    if thinking is None:
        return {"reasoning_effort": effort} if effort else {}
    unserved.add_rest(thinking, _THINKING, "thinking.")
    kind = thinking["type"]
    if kind in _TURNED_OFF:
        if effort:
            unserved.add("output_config.effort")
        if kind != "disabled":
            unserved.add("thinking.type")
        return {"reasoning_effort": "none"}
    options: Json = {"exclude": True} if thinking.get("display") == "omitted" else {}
    budget = thinking.get("budget_tokens")
    if kind == "enabled" and budget is not None:
        options["max_tokens"] = budget
    elif kind in ("adaptive", "enabled"):  # without a budget: claude-code, for models of other vendors
        effort = effort or _DEFAULT_EFFORT
    else:
        unserved.add("thinking.type")
    asked: Json = {"reasoning": options} if options else {}
    return {**asked, "reasoning_effort": effort} if effort else asked


def _response_format(body: Json) -> Json:
    # `output_format` is the parameter's name in the first beta.
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format")
    if not wanted or wanted["type"] != "json_schema":
        return {"response_format": wanted} if wanted else {}
    schema = wanted["schema"]
    described: Json = {"name": "response", "schema": schema}
    if _is_closed(schema):
        described["strict"] = True
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def _is_closed(schema: Any) -> bool:
    """Returns whether all objects of a schema are closed and all their members required, as OpenAI's strict mode needs.

    Anthropic's is always strict, but allows optional members.
    """
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, dict):
        return True
    members = schema.get("properties")
    if isinstance(members, dict):
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or set(members) != set(required or ()):
            return False
        return all(map(_is_closed, members.values()))
    return all(map(_is_closed, schema.values()))


def _user(body: Json, unserved: Unserved) -> str | None:
    metadata = body.get("metadata") or {}
    unserved.add_rest(metadata, frozenset({"user_id"}), "metadata.")
    user: str | None = metadata.get("user_id")
    if user is None or len(user) <= _MAX_USER:
        return user
    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
