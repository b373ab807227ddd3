"""Translates content blocks to the parts of a canonical message."""

from __future__ import annotations

import base64
from typing import Any

from arouter.dialects.unserved import Unserved
from arouter.errors import ARouterError, invalid_request

Json = dict[str, Any]

_PLACE = "messages[].content[]."
_TEXT = frozenset({"type", "text", "cache_control"})
_IMAGE = frozenset({"type", "source", "cache_control"})
_DOCUMENT = frozenset({"type", "source", "title", "citations", "cache_control"})
_SEARCH_RESULT = frozenset({"type", "source", "title", "content", "cache_control"})
_PDF = "application/pdf"


def to_parts(blocks: list[Json], path: str, unserved: Unserved) -> list[Json]:
    """Returns the parts for the blocks of a user message, a tool result or a system prompt.

    Tool results are messages of their own and left out. A block of another type stays as it is: a provider that does
    not know it refuses it, because without it the response would be to a different question.

    Args:
        blocks: Validated blocks.
        path: The path of the array, for errors.
        unserved: Collects members without an equivalent.
    """
    parts: list[Json] = []
    for index, block in enumerate(blocks):
        if block["type"] == "tool_result":
            continue
        added = _to_parts(block, f"{path}[{index}]", unserved)
        if added and (cache_control := block.get("cache_control")):
            added[-1]["cache_control"] = cache_control
        parts += added
    return parts


def _to_parts(block: Json, path: str, unserved: Unserved) -> list[Json]:
    kind = block["type"]
    if kind == "text":
        unserved.add_rest(block, _TEXT, _PLACE)
        return [{"type": "text", "text": block["text"]}]
    if kind == "image":
        unserved.add_rest(block, _IMAGE, _PLACE)
        return [_image(block["source"], f"{path}.source")]
    if kind == "document":
        unserved.add_rest(block, _DOCUMENT, _PLACE)
        return _document(block, path, unserved)
    if kind == "search_result":
        unserved.add_rest(block, _SEARCH_RESULT, _PLACE)
        heading = f"{block['title']}\n{block['source']}\n\n"
        return [{"type": "text", "text": heading + "\n".join(each["text"] for each in block["content"])}]
    if kind == "tool_reference":
        # It loads a deferred tool at Anthropic; other providers have all tools from the beginning.
        unserved.add(f"{_PLACE}tool_reference")
        return [{"type": "text", "text": str(block.get("tool_name"))}]
    return [dict(block)]


def _image(source: Json, path: str) -> Json:
    kind = source["type"]
    if kind == "base64":
        url = f"data:{source['media_type']};base64,{source['data']}"
    elif kind == "url":
        url = source["url"]
    elif kind == "file":
        return {"type": "file", "file": {"file_id": source["file_id"]}}
    else:
        raise _unknown_source(kind, path)
    if not url:
        raise invalid_request(f"Parameter '{path}.url' must not be empty.", f"{path}.url")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: Json, path: str, unserved: Unserved) -> list[Json]:
    source = block["source"]
    kind = source["type"]
    title = block.get("title")
    if kind == "content":
        content = source["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if block.get("citations"):
            unserved.add(f"{_PLACE}citations")
        heading = [{"type": "text", "text": title}] if title else []
        return heading + to_parts(blocks, f"{path}.source.content", unserved)
    if kind == "base64":
        file: Json = {"file_data": f"data:{source['media_type'] or _PDF};base64,{source['data']}"}
    elif kind == "text":
        data = base64.b64encode(source["data"].encode("utf-8", "replace")).decode()
        file = {"file_data": f"data:text/plain;base64,{data}"}
    elif kind == "url":
        file = {"file_data": source["url"]}
    elif kind == "file":
        file = {"file_id": source["file_id"]}
    else:
        raise _unknown_source(kind, f"{path}.source")
    if title:
        file["filename"] = title
    part: Json = {"type": "file", "file": file}
    if block.get("citations"):
        part["citations"] = block["citations"]
    return [part]


def _unknown_source(kind: str, path: str) -> ARouterError:
    return invalid_request(f"Invalid value for '{path}.type': {kind[:64]!r}.", f"{path}.type")
