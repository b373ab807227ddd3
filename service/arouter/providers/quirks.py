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
        reasoning_parts: It answers with a list of parts, reasoning among them, where OpenAI has a text.
        repeats_message: Chunks of its streams hold the whole message so far, the last one instead of a delta.
        finish_reasons: Its own finish reasons, and OpenAI's for them.
        usage_path: Where its answers hold usage if not in `usage`.
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
    reasoning_parts: bool = False
    repeats_message: bool = False
    finish_reasons: Mapping[str, str] = field(default_factory=dict)
    usage_path: tuple[str | int, ...] = ()
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


def decode_answer(quirks: Quirks, answer: Json, part: Literal["message", "delta"]) -> None:
    """Makes a canonical one of a vendor's completion or chunk, in place. What is not as expected stays as it is.

    Args:
        quirks: The vendor's.
        answer: A completion or a chunk, not yet checked.
        part: What the choices of this kind of answer hold.
    """
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            _decode_choice(quirks, choice, part)
    usage = answer.get("usage") or _at(answer, quirks.usage_path)
    if isinstance(usage, dict):
        _decode_usage(quirks, usage)
        answer["usage"] = usage


def _decode_choice(quirks: Quirks, choice: Json, part: str) -> None:
    if quirks.repeats_message and part == "delta" and choice.pop("message", None) is not None:
        choice.setdefault("delta", {})
    reason = choice.get("finish_reason")
    if isinstance(reason, str):
        choice["finish_reason"] = quirks.finish_reasons.get(reason, reason)
    message = choice.get(part)
    if not isinstance(message, dict):
        return
    if quirks.reasoning != "reasoning_content" and quirks.reasoning in message:
        message.setdefault("reasoning_content", message.pop(quirks.reasoning))
    if quirks.reasoning_parts and isinstance(message.get("content"), list):
        _join_parts(message)


def _join_parts(message: Json) -> None:
    """Makes a text of content in parts, and `reasoning_content` of the thinking among them.

    Source: docs.mistral.ai/capabilities/reasoning. With a part of another kind the content stays as it came.
    """
    texts: list[str] = []
    thoughts: list[str] = []
    for item in message["content"]:
        match item:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "thinking", "thinking": str(text)}:
                thoughts.append(text)
            case {"type": "thinking", "thinking": list(inner)}:
                thoughts += [piece["text"] for piece in inner if _is_text(piece)]
            case _:
                return
    message["content"] = "".join(texts)
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)


def _is_text(piece: Any) -> bool:
    return isinstance(piece, dict) and isinstance(piece.get("text"), str)


def _decode_usage(quirks: Quirks, usage: Json) -> None:
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
    reasoning = _at(usage, ("completion_tokens_details", "reasoning_tokens"))
    if (
        type(prompt) is int
        and type(completion) is int
        and type(reasoning) is int
        and total == prompt + completion + reasoning
    ):
        usage["completion_tokens"] = completion + reasoning


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    """Returns what is at `path` in a JSON value; None if there is nothing, or no path."""
    if not path:
        return None
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
