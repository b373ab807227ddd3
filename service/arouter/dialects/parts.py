"""The content of canonical messages, for all dialects."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def text_or_parts(parts: list[Json]) -> str | list[Json]:
    """Returns the content of a message, a plain text where that is all there is: more servers take it."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts or ""
