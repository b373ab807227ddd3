"""Translates OpenAI's `url_citation` annotations to Gemini's `groundingMetadata`."""

from __future__ import annotations

from typing import Any

from arouter.dialects.gemini.fields import Json


def grounding_of(annotations: list[Any], content: str) -> Json | None:
    """Returns the sources of a response, or None if no annotation has one.

    Args:
        annotations: Of the message.
        content: The complete text. OpenAI counts in characters, Gemini in UTF-8 bytes.
    """
    sources: dict[str, Json] = {}
    supports: list[Json] = []
    for annotation in annotations:
        citation = annotation.get("url_citation") if isinstance(annotation, dict) else None
        url = citation.get("url") if isinstance(citation, dict) else None
        if not isinstance(citation, dict) or not isinstance(url, str) or not url:
            continue
        sources.setdefault(url, {"web": {"uri": url, "title": citation.get("title") or url}})
        start, end = citation.get("start_index"), citation.get("end_index")
        if type(start) is int and type(end) is int and 0 <= start < end <= len(content):
            segment = {
                "startIndex": len(content[:start].encode()),
                "endIndex": len(content[:end].encode()),
                "text": content[start:end],
            }
            supports.append({"segment": segment, "groundingChunkIndices": [list(sources).index(url)]})
    if not sources:
        return None
    return {"groundingChunks": list(sources.values()), **({"groundingSupports": supports} if supports else {})}
