"""Carries thinking blocks through a conversation in an assistant message's `reasoning_details`.

The format is OpenRouter's: an array of `{"type": "reasoning.text", "text", "signature"}` and `{"type":
"reasoning.encrypted", "data"}`, each with `format` and `index`. Anthropic requires its signed blocks unchanged and at
their original position, but a canonical message has its text first and its tool calls last; so `id` contains the
block's position in Anthropic's content (`content-2`).
"""

from __future__ import annotations

import re
from typing import Any

from arouter.providers.anthropic.unchecked import Json, optional
from arouter.providers.dropped import Dropped

FORMAT = "anthropic-claude-v1"
_PLACE = re.compile(r"content-(\d{1,4})")


def opening(kind: str, index: int, place: int) -> Json:
    """Returns the fields that a detail has once; a stream appends texts and the signature to them.

    Args:
        kind: `text` or `encrypted`.
        index: The detail's position among the message's details.
        place: The block's position in Anthropic's content.
    """
    return {"type": f"reasoning.{kind}", "id": f"content-{place}", "format": FORMAT, "index": index}


def from_block(block: Json, index: int, place: int) -> Json | None:
    """Returns the detail of a complete thinking block, or None if it is empty."""
    if block["type"] == "redacted_thinking":
        return {**opening("encrypted", index, place), "data": block.get("data")}
    text, signature = block.get("thinking") or "", block.get("signature")
    if not signature and not text:
        return None
    detail = {**opening("text", index, place), "text": text}
    if signature:
        detail["signature"] = signature
    return detail


def restore(message: Json, others: list[Json], path: str, dropped: Dropped) -> list[Json]:
    """Returns an assistant message's blocks: `others` with its thinking blocks reinserted.

    Thinking that Anthropic did not sign (another provider's, or text only) would be rejected, so it is reported as
    dropped.
    """
    placed = []
    for detail in optional(message, "reasoning_details", list, path) or []:
        block = _to_block(detail)
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


def _to_block(detail: Any) -> Json | None:
    if not isinstance(detail, dict) or detail.get("format") not in (None, FORMAT):
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
