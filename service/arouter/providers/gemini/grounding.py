"""Converts the sources of a response to OpenAI's url_citation annotations."""

from __future__ import annotations

from typing import Any

from arouter.providers.lenient import JsonObject, count, object_in, objects, text_in


def citations_of(sources: JsonObject, content: str) -> list[JsonObject]:
    """Returns a citation for each source with a URL and each segment that it supports.

    Args:
        sources: `groundingMetadata` and `citationMetadata` of a candidate.
        content: The complete text. Gemini counts in UTF-8 bytes, OpenAI in characters.
    """
    text = content.encode()
    grounding = object_in(sources.get("groundingMetadata"))
    chunks = objects(grounding.get("groundingChunks"))
    found: list[JsonObject] = []
    cited: set[int] = set()
    for support in objects(grounding.get("groundingSupports")):
        span = _span(object_in(support.get("segment")), content, text)
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else []:
            if type(index) is int and 0 <= index < len(chunks):
                cited.add(index)
                found += _citation(_source(chunks[index]), span)
    for index, chunk in enumerate(chunks):
        if index not in cited:
            found += _citation(_source(chunk), (0, 0))
    for citation in objects(object_in(sources.get("citationMetadata")).get("citations")):
        found += _citation(citation, _span(citation, content, text))
    return found


def _source(chunk: JsonObject) -> JsonObject:
    return next((chunk[kind] for kind in ("web", "maps", "retrievedContext") if isinstance(chunk.get(kind), dict)), {})


def _citation(source: JsonObject, span: tuple[int, int]) -> list[JsonObject]:
    url = text_in(source.get("uri"))
    if url is None:
        return []
    title = text_in(source.get("title")) or url
    citation: dict[str, Any] = {"start_index": span[0], "end_index": span[1], "title": title, "url": url}
    return [{"type": "url_citation", "url_citation": citation}]


def _span(segment: JsonObject, content: str, text: bytes) -> tuple[int, int]:
    """Returns a segment's range in characters. It is relative to its part, which need not be the first."""
    start, end = count(segment.get("startIndex")), count(segment.get("endIndex"))
    segment_text = text_in(segment.get("text"))
    if (
        segment_text is not None
        and text[start:end] != segment_text.encode()
        and (place := content.find(segment_text)) >= 0
    ):
        return place, place + len(segment_text)
    return _characters(text[:start]), _characters(text[:end])


def _characters(text: bytes) -> int:
    return len(text.decode(errors="ignore"))
