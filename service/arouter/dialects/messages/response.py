"""Translates a complete response."""

from __future__ import annotations

import re
from typing import Any

from arouter.chat.chunks import Chunk
from arouter.chat.native import NativeCompletion
from arouter.chat.request import ChatRequest
from arouter.chat.tool_arguments import arguments_of, object_of, tool_of
from arouter.dialects.messages.citations import text_blocks
from arouter.dialects.messages.ending import encode_usage, ending
from arouter.dialects.messages.thoughts import (
    call_signature,
    details_of,
    is_hidden,
    redacted_block,
    signature_of,
    text_of,
)

Json = dict[str, Any]

_PLACE = re.compile(r"content-(\d{1,4})")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)[;,]")


def encode_message(completion: Chunk, request: ChatRequest) -> Json:
    """Returns the message of a completion."""
    if isinstance(completion, NativeCompletion):
        return {**completion.native, "model": completion["model"]}
    choice = completion["choices"][0]
    message = choice["message"]
    refusal = message.get("refusal") or None
    is_filtered = choice.get("finish_reason") == "content_filter"
    texts = text_blocks(message.get("content") or "", message.get("annotations"))
    if refusal and not is_filtered:
        texts.append({"type": "text", "text": refusal})
    texts += [{"type": "text", "text": image_note(image)} for image in message.get("images") or ()]
    calls = _calls(message.get("tool_calls") or ())
    return {
        **envelope(completion),
        "content": _with_thoughts(details_of(message), texts + calls),
        **ending(
            choice,
            request,
            called=bool(calls),
            refused=bool(refusal) and not is_filtered,
            explanation=refusal if is_filtered else None,
        ),
        "usage": encode_usage(completion.get("usage"), completion.get("service_tier")),
    }


def envelope(document: Chunk) -> Json:
    """Returns the members that messages begin with, complete or streamed."""
    return {"id": document["id"], "type": "message", "role": "assistant", "model": document["model"]}


def image_note(image: Json) -> str:
    """Returns the text in place of an image: a link, or a note that it was left out. Messages have no images."""
    url: str = image["image_url"]["url"]
    if url.startswith(("https://", "http://")):
        return f"![image]({url})"
    media_type = _DATA_URL.match(url)
    return f"[{media_type[1] if media_type else 'image'}: the Messages API has no images in responses]"


def _calls(calls: Any) -> list[Json]:
    blocks: list[Json] = []
    for call in calls:
        signature = call_signature(call)
        blocks += [signature] if signature else []
        used = {"type": "tool_use", "id": call["id"], "name": tool_of(call).get("name") or ""}
        blocks.append({**used, "input": object_of(arguments_of(call))})
    return blocks


def _with_thoughts(details: list[Json], others: list[Json]) -> list[Json]:
    """Returns the content: thinking comes first, or at the position where Anthropic had it."""
    placed = sorted(
        ((_place(detail), block) for detail in details if (block := _thinking(detail)) is not None),
        key=lambda pair: pair[0],
    )
    content: list[Json] = []
    rest = list(others)
    for place, block in placed:
        while len(content) < place and rest:
            content.append(rest.pop(0))
        content.append(block)
    return content + rest


def _thinking(detail: Json) -> Json | None:
    if is_hidden(detail):
        return redacted_block(detail)
    text, signature = text_of(detail), signature_of(detail)
    return {"type": "thinking", "thinking": text, "signature": signature} if text or signature else None


def _place(detail: Json) -> int:
    """Returns the original position of a detail; 0 if unknown, because thinking comes first."""
    id_ = detail.get("id")
    found = _PLACE.fullmatch(id_) if isinstance(id_, str) else None
    return int(found[1]) if found else 0
