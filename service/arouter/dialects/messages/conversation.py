"""Translates the system prompt and the turns of a conversation to canonical messages.

- A user turn becomes a `tool` message for each of its results, then a user message with the rest: results come first in
  Anthropic's format as well.
- Of an assistant turn, texts become the content, `tool_use` the calls, and thinking `reasoning_details` with the
  positions that `providers/anthropic/reasoning_details.py` puts it back to, and `reasoning_content`.
- A `system` turn becomes a system message at its position.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.reasoning_details import CLAUDE_FORMAT
from arouter.chat.sealed_reasoning import is_sealed, unseal_detail
from arouter.chat.tool_arguments import json_text
from arouter.dialects.messages.parts import to_parts
from arouter.dialects.parts import text_or_parts
from arouter.dialects.unserved import Unserved

Json = dict[str, Any]

_PLACE = "messages[].content[]."
_MESSAGE = frozenset({"role", "content"})
_TOOL_USE = frozenset({"type", "id", "name", "input", "cache_control", "caller"})
_RESULT = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_DIRECT = {"type": "direct"}
"""The `caller` of a call that the model made itself, which is the default."""


def to_messages(body: Json, unserved: Unserved) -> list[Json]:
    """Returns the canonical messages of a validated request.

    Args:
        body: The request.
        unserved: Collects members without an equivalent.

    Raises:
        ARouterError: INVALID_REQUEST with the client's path.
    """
    messages: list[Json] = []
    if system := body.get("system"):
        messages.append(_system(system, "system", unserved))
    for index, turn in enumerate(body["messages"]):
        path = f"messages[{index}].content"
        role, content = turn["role"], turn["content"]
        unserved.add_rest(turn, _MESSAGE, "messages[].")
        if role == "system":
            messages.append(_system(content, path, unserved))
        elif isinstance(content, str):
            messages.append({"role": role, "content": content})
        elif role == "assistant":
            messages.append(_assistant(content, path, unserved))
        else:
            messages += _user(content, path, unserved)
    return messages


def _system(content: str | list[Json], path: str, unserved: Unserved) -> Json:
    text = content if isinstance(content, str) else text_or_parts(to_parts(content, path, unserved))
    return {"role": "system", "content": text}


def _user(blocks: list[Json], path: str, unserved: Unserved) -> list[Json]:
    results = [
        _result(block, f"{path}[{index}]", unserved)
        for index, block in enumerate(blocks)
        if block["type"] == "tool_result"
    ]
    parts = to_parts(blocks, path, unserved)
    if results and not parts:
        return results
    return [*results, {"role": "user", "content": text_or_parts(parts)}]


def _result(block: Json, path: str, unserved: Unserved) -> Json:
    unserved.add_rest(block, _RESULT, _PLACE)
    content = block.get("content") or ""
    if not isinstance(content, str):
        content = text_or_parts(to_parts(content, f"{path}.content", unserved))
    message: Json = {"role": "tool", "tool_call_id": block["tool_use_id"], "content": content}
    if block.get("is_error"):
        message["is_error"] = True
    if block.get("cache_control"):
        message["cache_control"] = block["cache_control"]
    return message


def _assistant(blocks: list[Json], path: str, unserved: Unserved) -> Json:
    parts: list[Json] = []
    calls: list[Json] = []
    details: list[Json] = []
    thoughts: list[str] = []
    for place, block in enumerate(blocks):
        kind = block["type"]
        if kind == "text":
            parts += to_parts([block], path, unserved)
        elif kind == "tool_use":
            calls.append(_call(block, f"{path}[{place}]", unserved))
        elif kind == "thinking":
            thoughts.append(block["thinking"])
            details += _detail("text", block.get("signature"), len(details), place, text=block["thinking"])
        elif kind == "redacted_thinking":
            details += _detail("encrypted", block["data"], len(details), place)
        else:
            # What Anthropic's servers did for an earlier response; its text remains.
            unserved.add(f"{_PLACE}{kind[:64]}")
    # Some servers require null, not an empty text, beside calls.
    message: Json = {"role": "assistant", "content": text_or_parts(parts) if parts or not calls else None}
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
        _mark(message, blocks, unserved)
    return message


def _mark(message: Json, blocks: list[Json], unserved: Unserved) -> None:
    """Moves `cache_control` of the last call to the message; calls have none in canonical form."""
    *others, last = [block for block in blocks if block["type"] == "tool_use"]
    if last.get("cache_control") and last is blocks[-1]:
        message["cache_control"] = last["cache_control"]
    elif last.get("cache_control"):
        others.append(last)
    if any(block.get("cache_control") for block in others):
        unserved.add(f"{_PLACE}cache_control")


def _call(block: Json, path: str, unserved: Unserved) -> Json:
    unserved.add_rest(block, _TOOL_USE, _PLACE)
    if block.get("caller") not in (None, _DIRECT):
        unserved.add(f"{_PLACE}caller")
    arguments = json_text(block.get("input") or {}, f"{path}.input")
    return {"id": block["id"], "type": "function", "function": {"name": block["name"], "arguments": arguments}}


def _detail(kind: str, opaque: str | None, index: int, place: int, **text: str) -> list[Json]:
    """Returns the detail of a thinking block, or nothing if it is not signed."""
    if not opaque:
        return []
    if is_sealed(opaque):
        sealed = unseal_detail(opaque)
        return [] if sealed is None else [{**sealed, "index": index, **text}]
    member = "signature" if kind == "text" else "data"
    detail: Json = {"type": f"reasoning.{kind}", "id": f"content-{place}", "format": CLAUDE_FORMAT, "index": index}
    return [{**detail, **text, member: opaque}]
