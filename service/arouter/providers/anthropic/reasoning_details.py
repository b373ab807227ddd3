"""Carries thinking blocks through a conversation in an assistant message's `reasoning_details`.

The format is OpenRouter's: an array of `{"type": "reasoning.text", "text", "signature"}` and `{"type":
"reasoning.encrypted", "data"}`, each with `format` and `index`. Anthropic requires its signed blocks unchanged and at
their original position, but a canonical message has its text first and its tool calls last; so `id` contains the
block's position in Anthropic's content (`content-2`).
"""

from __future__ import annotations

import re
from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.reasoning_details import CLAUDE_FORMAT
from arouter.providers.anthropic.unchecked import Json, optional

_OTHER_SIGNERS = re.compile(
    r"(?P<deepseek>deepseek)|(?P<glm>glm)|(?P<kimi>kimi|k\d)|(?P<mimo>mimo)|(?P<minimax>minimax)|(?P<qwen>qwen)"
)
"""Families, by the prefix of their models' names, whose vendors serve the Messages API themselves. Anthropic rejects
their signatures, and MiniMax those of others (NousResearch/hermes-agent#24401, #75779, can1357/oh-my-pi#6379)."""

_PLACE = re.compile(r"content-(\d{1,4})")


def format_of(model: str) -> str:
    """Returns the format that says which family of models signed thinking, and so which one accepts it.

    Any other model is taken for one of Claude's: proxies name those as they like.
    """
    name = model.rpartition("/")[2].lower()
    signer = _OTHER_SIGNERS.match(name)
    return f"anthropic-{signer.lastgroup}-v1" if signer else CLAUDE_FORMAT


def opening(format_: str, kind: str, index: int, place: int) -> Json:
    """Returns the fields that a detail has once; a stream appends texts and the signature to them.

    Args:
        format_: The format of the answer's model.
        kind: `text` or `encrypted`.
        index: The detail's position among the message's details.
        place: The block's position in Anthropic's content.
    """
    return {"type": f"reasoning.{kind}", "id": f"content-{place}", "format": format_, "index": index}


def from_block(block: Json, format_: str, index: int, place: int) -> Json | None:
    """Returns the detail of a complete thinking block, or None if it is empty."""
    if block["type"] == "redacted_thinking":
        return {**opening(format_, "encrypted", index, place), "data": block.get("data")}
    text, signature = block.get("thinking") or "", block.get("signature")
    if not signature and not text:
        return None
    detail = {**opening(format_, "text", index, place), "text": text}
    if signature:
        detail["signature"] = signature
    return detail


def restore(message: Json, format_: str, others: list[Json], path: str, dropped: Dropped) -> list[Json]:
    """Returns an assistant message's blocks: `others` with its thinking blocks reinserted.

    Thinking that the model's own family did not sign (another format, or text only) would be rejected, so it is
    reported as dropped.
    """
    placed = []
    for detail in optional(message, "reasoning_details", list, path) or []:
        block = _to_block(detail, format_)
        if block is None:
            dropped.add("messages[].reasoning_details")
        else:
            placed.append((_place(detail), block))
    if not placed:
        for field in ("reasoning_content", "reasoning"):
            if message.get(field):
                dropped.add(f"messages[].{field}")
    placed.sort(key=lambda pair: pair[0])
    blocks: list[Json] = []
    rest = list(others)
    for place, block in placed:
        # The last block must not be thinking.
        while len(blocks) < place and len(rest) > 1:
            blocks.append(rest.pop(0))
        blocks.append(block)
    return blocks + rest


def _to_block(detail: Any, format_: str) -> Json | None:
    if not isinstance(detail, dict) or detail.get("format") not in (None, format_):
        return None
    kind, data, signature = detail.get("type"), detail.get("data"), detail.get("signature")
    if kind == "reasoning.encrypted" and isinstance(data, str) and data:
        return {"type": "redacted_thinking", "data": data}
    if kind == "reasoning.text" and isinstance(signature, str) and signature:
        text = detail.get("text")
        return {"type": "thinking", "thinking": text if isinstance(text, str) else "", "signature": signature}
    return None


def _place(detail: Json) -> int:
    """Returns the original position of a detail; 0 if unknown, because thinking comes first."""
    id_ = detail.get("id")
    found = _PLACE.fullmatch(id_) if isinstance(id_, str) else None
    return int(found[1]) if found else 0
