"""Translates reasoning to thinking blocks."""

from __future__ import annotations

from typing import Any

from arouter.chat.gemini_forms import signature_in
from arouter.chat.reasoning_details import CLAUDE_FORMAT, GEMINI_FORMAT
from arouter.chat.sealed_reasoning import seal_detail

Json = dict[str, Any]


def details_of(piece: Json) -> list[Json]:
    """Returns the reasoning details of a message or delta.

    Text of which there is no detail becomes one, without an index. It comes first: Gemini signs the last piece.
    """
    details = piece.get("reasoning_details")
    found = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    text = piece.get("reasoning_content") or piece.get("reasoning")
    if isinstance(text, str) and text:
        detailed = "".join(map(text_of, found))
        if text.endswith(detailed) and text != detailed:
            found.insert(0, {"type": "reasoning.text", "text": text.removesuffix(detailed)})
    return found


def text_of(detail: Json) -> str:
    """Returns the readable text of a detail."""
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""


def is_hidden(detail: Json) -> bool:
    """Returns whether a detail is redacted thinking."""
    return detail.get("type") == "reasoning.encrypted"


def signature_of(detail: Json) -> str:
    """Returns what a thinking block has as signature; empty if the detail is not signed."""
    signature = detail.get("signature")
    if not isinstance(signature, str) or not signature:
        return ""
    return signature if detail.get("format") == CLAUDE_FORMAT else seal_detail(detail)


def redacted_block(detail: Json) -> Json | None:
    """Returns the block of redacted thinking, or None if it is empty."""
    data = detail.get("data")
    if not isinstance(data, str) or not data:
        return None
    return {"type": "redacted_thinking", "data": data if detail.get("format") == CLAUDE_FORMAT else seal_detail(detail)}


def call_signature(call: Json) -> Json | None:
    """Returns the block that carries the thought signature of a tool call, or None if it has none.

    Gemini signs calls and requires the signature back; clients return only known members of `tool_use`, but thinking
    blocks unchanged.
    """
    signature = signature_in(call)
    if signature is None:
        return None
    detail = {"type": "reasoning.encrypted", "id": call.get("id"), "format": GEMINI_FORMAT, "data": signature}
    return {"type": "redacted_thinking", "data": seal_detail(detail)}
