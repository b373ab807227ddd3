"""Carries the signed reasoning of any vendor in `thoughtSignature`, which Gemini's clients return unchanged.

A signature of Gemini's own is sent as it is. Entries of `reasoning_details` in another format (Claude's signed
thinking, OpenAI's encrypted reasoning) are sent as base64 of a marked JSON array: clients decode and encode the
field's base64.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from arouter.chat.gemini_forms import SIGNATURE_FORMAT
from arouter.dialects.gemini.fields import Json

_MARK = b"arouter:"
_ENCODED_MARK = base64.b64encode(_MARK)[:10].decode()
"""The characters that depend on the mark alone."""

_URLSAFE = str.maketrans("-_", "+/")
_APPENDED = ("text", "summary", "signature", "data")
"""Members of an entry that a stream sends in pieces."""


def pack(details: list[Json]) -> str:
    """Returns the signature that carries entries of `reasoning_details`."""
    return base64.b64encode(_MARK + orjson.dumps(details)).decode()


def unpack(signature: str) -> list[Json] | None:
    """Returns the entries that a signature carries, or None if it is Gemini's own."""
    if not signature.startswith(_ENCODED_MARK):
        return None
    text = signature.translate(_URLSAFE).rstrip("=")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        details = orjson.loads(data.removeprefix(_MARK))
    except (binascii.Error, orjson.JSONDecodeError):
        return None
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else None


class Details:
    """The `reasoning_details` of one choice, put together from the pieces of a stream."""

    def __init__(self) -> None:
        self._entries: list[Json] = []

    def add(self, pieces: Any) -> None:
        """Adds the entries of a message or of a delta."""
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._add(piece)

    @property
    def own(self) -> list[Json]:
        """The signed entries in Gemini's format, in order."""
        return [each for each in self._entries if each.get("format") == SIGNATURE_FORMAT and signature_of(each)]

    @property
    def foreign(self) -> list[Json]:
        """All entries in other formats, in order; empty if none is signed."""
        found = [each for each in self._entries if each.get("format") != SIGNATURE_FORMAT]
        return found if any(map(signature_of, found)) else []

    def _add(self, piece: Json) -> None:
        index = piece.get("index")
        last = next((each for each in self._entries if index is not None and each.get("index") == index), None)
        if last is None or (piece.get("type") or last.get("type")) != last.get("type"):
            self._entries.append(dict(piece))
            return
        for name, value in piece.items():
            if name in _APPENDED and isinstance(value, str):
                last[name] = (last.get(name) or "") + value
            elif value is not None:
                last[name] = value


def signature_of(detail: Json) -> str | None:
    """Returns what an entry is signed with, or None."""
    signature = detail.get("signature") or detail.get("data")
    return signature if isinstance(signature, str) and signature else None
