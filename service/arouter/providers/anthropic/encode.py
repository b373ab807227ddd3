"""Encodes a canonical request as a Messages API request."""

from __future__ import annotations

import hashlib
import re

from arouter.chat.dropped import Dropped
from arouter.chat.parameters import PARAMETERS, Wire, is_neutral, max_tokens_of, shadowed_max_tokens
from arouter.errors import invalid_request
from arouter.providers.anthropic.messages import Conversation, calls_without_thoughts
from arouter.providers.anthropic.profiles import describe
from arouter.providers.anthropic.reasoning import encode_thinking
from arouter.providers.anthropic.reasoning_details import format_of
from arouter.providers.anthropic.sampling import encode_sampling
from arouter.providers.anthropic.schema import encode_response_format
from arouter.providers.anthropic.tools import encode_tools
from arouter.providers.anthropic.unchecked import Json, optional, wrong_type

_SERVICE_TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only", "standard_only": "standard_only"}

# Anthropic's own fields without an OpenAI equivalent. Source: `anthropic.types.MessageCreateParams` of SDK 2.12.
_PASSED = ("cache_control", "container", "diagnostics", "inference_geo", "speed", "user_profile_id")

_TRANSLATED = frozenset(
    {
        *_PASSED,
        "output_config",
        "thinking",
        *(name for name, row in PARAMETERS.items() if row.anthropic is not Wire.DROPPED),
    }
)
# Letters, digits, `_`, `-`, `.` and `:`, at most 256 characters, and not in the form of a phone number.
_OPAQUE = re.compile(r"(?!\+?[\d.-]{7,20}$)[A-Za-z0-9_.:-]{1,256}")

_STREAM_OPTIONS = frozenset({"include_usage", "include_obfuscation"})


def encode_request(body: Json, model_name: str, *, stream: bool) -> tuple[Json, tuple[str, ...]]:
    """Returns the request body, and the parameters that have no equivalent.

    Args:
        body: The canonical request, with tool ids and names that Anthropic accepts.
        model_name: The model's native name.
        stream: Whether the response is streamed.

    Raises:
        ARouterError: INVALID_REQUEST if the response would be to a different question.
    """
    model, dropped = describe(model_name), Dropped()
    if (body.get("n") or 1) != 1:
        raise invalid_request("'n' must be 1: Anthropic returns only one response per request.", "n")
    tools = encode_tools(body, can_force=model.forced_tools, dropped=dropped)
    forced = tools.get("tool_choice", {}).get("type") in ("any", "tool")
    output_format, instruction = encode_response_format(body, dropped)
    conversation = Conversation(
        system_turns=model.system_turns,
        prefill=model.prefill,
        reasoning_format=format_of(model_name),
        dropped=dropped,
    )
    turns = _encode_messages(conversation, body["messages"], instruction)
    missing_thinking = calls_without_thoughts(turns["messages"])
    limit = max_tokens_of(body)
    if (shadowed := shadowed_max_tokens(body)) is not None:
        dropped.add(shadowed)
    thinking = encode_thinking(
        body, model, forced=forced, missing_thinking=missing_thinking, limit=limit, dropped=dropped
    )

    encoded: Json = {"model": model_name, "max_tokens": thinking.max_tokens, **turns}
    encoded |= tools
    if thinking.config is not None:
        encoded["thinking"] = thinking.config
    thinks = thinking.config is not None and thinking.config.get("type") in ("adaptive", "enabled")
    encoded |= encode_sampling(body, model, thinking=thinks, dropped=dropped)
    output_config = _output_config(body, output_format, thinking.effort)
    if output_config:
        encoded["output_config"] = output_config
    encoded |= _plain(body, dropped)
    if stream:
        encoded["stream"] = True
    return encoded, dropped.names()


def _encode_messages(conversation: Conversation, messages: list[Json], instruction: str | None) -> Json:
    for index, message in enumerate(messages):
        conversation.add(message, f"messages[{index}]")
    conversation.finish()
    if instruction is not None:
        conversation.system.append({"type": "text", "text": instruction})
    said: Json = {"system": conversation.system} if conversation.system else {}
    return {**said, "messages": conversation.turns}


def _output_config(body: Json, output_format: Json | None, effort: str | None) -> Json:
    config: Json = {}
    if output_format is not None:
        config["format"] = output_format
    if effort is not None:
        config["effort"] = effort
    return config | (optional(body, "output_config", dict, "") or {})


def _plain(body: Json, dropped: Dropped) -> Json:
    """Returns the parameters that are independent of others, and records those that Anthropic does not support."""
    encoded: Json = {}
    stops = _stops(body, dropped)
    if stops:
        encoded["stop_sequences"] = stops
    user_id = _user_id(body, dropped)
    if user_id:
        encoded["metadata"] = {"user_id": user_id}
    tier = body.get("service_tier")
    if tier in _SERVICE_TIERS:
        encoded["service_tier"] = _SERVICE_TIERS[tier]
    elif not is_neutral("service_tier", tier):
        dropped.add("service_tier")
    # Every stream contains usage, and obfuscation is a feature of OpenAI's own servers.
    dropped.add_rest(body.get("stream_options") or {}, _STREAM_OPTIONS, "stream_options.")
    for field, value in body.items():
        if value is None:
            continue
        if field in _PASSED:
            encoded[field] = value
        elif field not in _TRANSLATED and not is_neutral(field, value):
            dropped.add(field)
    return encoded


def _stops(body: Json, dropped: Dropped) -> list[str]:
    stop = body.get("stop") or []
    stops = [stop] if isinstance(stop, str) else stop
    # Anthropic rejects stop sequences that consist of white space.
    sent = [text for text in stops if text.strip()]
    if len(sent) < len(stops):
        dropped.add("stop")
    return sent


def _user_id(body: Json, dropped: Dropped) -> str | None:
    """Returns the end user's id. OpenAI has had several fields for it; `metadata` is the client's own map.

    Anthropic accepts only opaque ids, and rejects e-mail addresses and phone numbers (reference, `metadata.user_id`):
    values that may identify a person are hashed.
    """
    metadata = body.get("metadata") or {}
    own = metadata.get("user_id")
    if own is not None and not isinstance(own, str):
        raise wrong_type("metadata.user_id", str, own)
    if metadata.keys() - {"user_id"}:
        dropped.add("metadata")
    chosen: str | None = None
    for field, value in (
        ("user", body.get("user")),
        ("safety_identifier", body.get("safety_identifier")),
        ("metadata.user_id", own),
    ):
        if chosen and value and value != chosen:
            dropped.add(field)
        chosen = chosen or value
    if not chosen or _OPAQUE.fullmatch(chosen):
        return chosen
    return f"user_{hashlib.sha256(chosen.encode('utf-8', 'surrogatepass')).hexdigest()}"
