"""What vendors do differently while speaking OpenAI's protocol: data on a preset's row, applied by these functions.

A vendor without quirks never comes here: the adapter checks once, when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

# What holds anyway; a provider that refuses the field loses nothing by not seeing it.
_NEUTRAL: Json = {
    "frequency_penalty": 0,
    "logprobs": False,
    "modalities": ["text"],
    "n": 1,
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "service_tier": "auto",
    "store": False,
    "top_logprobs": 0,
}


@dataclass(frozen=True)
class Quirks:
    """One vendor's differences. The defaults are OpenAI's protocol as ARouter speaks it.

    Attributes:
        key_header: The header that carries the key bare, instead of `Authorization: Bearer`.
        renames: Parameters by the name it knows instead of OpenAI's.
        refuses: Parameters it refuses or is known to ignore: not sent, and named as dropped.
        no_stream_options: It knows no `stream_options`; its streams end with usage unasked.
        no_developer_role: It knows `system` only.
        reasoning: The field of a message that holds reasoning; to clients it is `reasoning_content`.
        refuses_in_messages: Fields of messages it refuses: not sent, and named as dropped.
        cached_tokens: The field of usage that holds OpenAI's `prompt_tokens_details.cached_tokens`.
        reasoning_apart: Its `completion_tokens` leave the reasoning tokens out.
    """

    key_header: str = ""
    renames: Mapping[str, str] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()
    no_stream_options: bool = False
    no_developer_role: bool = False
    reasoning: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    refuses_in_messages: frozenset[str] = frozenset()
    cached_tokens: str = ""
    reasoning_apart: bool = False


def encode_body(quirks: Quirks, body: Json) -> tuple[str, ...]:
    """Makes of a canonical request what the vendor takes, and returns the names of what it is not told.

    Args:
        quirks: The vendor's.
        body: Changed in place, but nothing inside it: messages belong to the request.
    """
    dropped: dict[str, None] = {}
    for name in quirks.refuses & body.keys():
        value = body.pop(name)
        if value is not None and value != _NEUTRAL.get(name):
            dropped[name] = None
    for name, theirs in quirks.renames.items():
        value = body.pop(name, None)
        if value is None:
            continue
        if body.get(theirs) is None:
            body[theirs] = value
        elif body[theirs] != value:
            dropped[name] = None
    if quirks.no_stream_options and set(body.pop("stream_options", None) or ()) - {"include_usage"}:
        dropped["stream_options"] = None
    if quirks.no_developer_role or quirks.refuses_in_messages or quirks.reasoning != "reasoning_content":
        body["messages"] = [_encode_message(quirks, message, dropped) for message in body["messages"]]
    return tuple(sorted(dropped))


def _encode_message(quirks: Quirks, message: Json, dropped: dict[str, None]) -> Json:
    changed = dict(message)
    if quirks.no_developer_role and changed.get("role") == "developer":
        changed["role"] = "system"
    if quirks.reasoning != "reasoning_content" and "reasoning_content" in changed:
        reasoning = changed.pop("reasoning_content")
        # Groq refuses an empty one of a model that does not reason (vercel/ai#8057).
        if reasoning:
            changed.setdefault(quirks.reasoning, reasoning)
    for name in quirks.refuses_in_messages & changed.keys():
        if changed.pop(name):
            dropped[f"messages[].{name}"] = None
    return changed


def decode_message(quirks: Quirks, message: Json) -> None:
    """Makes a canonical one of a vendor's message or delta, in place."""
    if quirks.reasoning != "reasoning_content" and quirks.reasoning in message:
        message.setdefault("reasoning_content", message.pop(quirks.reasoning))


def decode_usage(quirks: Quirks, usage: Json) -> None:
    """Makes OpenAI's usage of a vendor's, in place."""
    cached = usage.get(quirks.cached_tokens)
    if type(cached) is int:
        details = usage.get("prompt_tokens_details") or {}
        if isinstance(details, dict) and details.get("cached_tokens") is None:
            usage["prompt_tokens_details"] = {**details, "cached_tokens": cached}
    if quirks.reasoning_apart:
        _add_reasoning(usage)


def _add_reasoning(usage: Json) -> None:
    """Adds reasoning to completion tokens, if the total says that it is not among them already."""
    prompt, completion, total = (usage.get(f"{kind}_tokens") for kind in ("prompt", "completion", "total"))
    details = usage.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    if (
        type(prompt) is int
        and type(completion) is int
        and type(reasoning) is int
        and total == prompt + completion + reasoning
    ):
        usage["completion_tokens"] = completion + reasoning
