"""Translates annotations of a text to citations of its parts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

Json = dict[str, Any]

_SPAN = ("start_index", "end_index")


def text_blocks(text: str, annotations: Any) -> list[Json]:
    """Returns a text as blocks, split so that each citation is on the block that it supports."""
    found = [pair for each in annotations or () if (pair := citation_of(each, len(text))) is not None]
    if not text:
        return []
    if not found:
        return [_block(text, [])]
    cuts = sorted({0, len(text), *(index for _, span in found for index in span)})
    blocks = []
    for start, end in pairwise(cuts):
        citations = [citation for citation, span in found if span[0] <= start and end <= span[1]]
        blocks.append(_block(text[start:end], citations))
    return blocks


def citation_of(annotation: Any, length: int) -> tuple[Json, tuple[int, int]] | None:
    """Returns a citation and the start and end of the cited text, or None if it is unknown.

    Args:
        annotation: OpenAI's.
        length: The length of the text, which the positions do not exceed.
    """
    kind = annotation.get("type") if isinstance(annotation, dict) else None
    cited = annotation.get(kind) if kind in ("url_citation", "file_citation") else None
    if not isinstance(cited, dict):
        return None
    start, end = (value if type(value := cited.get(name)) is int else None for name in _SPAN)
    if start is None or end is None or not 0 <= start < end <= length:
        start, end = 0, length
    if kind == "file_citation":
        # Of a document: `providers/anthropic/decode.py` has kept all fields.
        own = {name: value for name, value in cited.items() if name not in _SPAN}
        return (own, (start, end)) if isinstance(own.get("type"), str) else None
    web: Json = {
        "type": "web_search_result_location",
        "url": str(cited.get("url") or ""),
        "title": cited.get("title") or None,
        "cited_text": str(cited.get("content") or ""),
        "encrypted_index": "",
    }
    return web, (start, end)


def _block(text: str, citations: list[Json]) -> Json:
    return {"type": "text", "text": text, **({"citations": citations} if citations else {})}
