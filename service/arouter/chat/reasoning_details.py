"""The entries of `reasoning_details`: reasoning with what its vendor requires back, in OpenRouter's form. Pure."""

from __future__ import annotations

from typing import Any

CLAUDE_FORMAT = "anthropic-claude-v1"
"""The `format` of Claude's entries. All names of formats are OpenRouter's."""

GEMINI_FORMAT = "google-gemini-v1"
"""The `format` of Gemini's entries."""

OPENAI_FORMAT = "openai-responses-v1"
"""The `format` of OpenAI's entries."""

_TEXTS = ("text", "summary", "signature", "data")
"""Members of an entry that a stream sends in pieces."""

_KEYS = ("type", "id", "format")
"""Members that a piece repeats or leaves out."""


def add_details(details: list[dict[str, Any]], pieces: Any) -> None:
    """Adds the entries of a message or a delta to those so far. Texts of the same entry are concatenated.

    Args:
        details: Changed in place, and so are its entries.
        pieces: Anything but an array of objects is ignored.
    """
    for piece in pieces if isinstance(pieces, list) else ():
        if not isinstance(piece, dict):
            continue
        entry = next((each for each in details if _continues(each, piece)), None)
        if entry is None:
            details.append(dict(piece))
            continue
        for name, value in piece.items():
            if name in _TEXTS and isinstance(value, str) and isinstance(entry.get(name), str):
                # The entry lets go of its text: CPython appends to one that nothing else holds without copying it.
                text, entry[name] = entry[name], None
                text += value
                entry[name] = text
            elif value is not None:
                entry[name] = value


def _continues(entry: dict[str, Any], piece: dict[str, Any]) -> bool:
    index = piece.get("index")
    if index is None or entry.get("index") != index:
        return False
    return all(None in (entry.get(name), piece.get(name)) or entry[name] == piece[name] for name in _KEYS)
