"""Carries reasoning and its signatures through a Responses client, in the `encrypted_content` of a reasoning item.

Responses clients return reasoning items unchanged, but know no signatures of other vendors. A capsule is a text that
holds them; OpenAI's own encrypted content never begins with its mark.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

Json = dict[str, Any]

OPENAI_FORMAT = "openai-responses-v1"
"""The `format` of OpenAI's own entries in `reasoning_details` (OpenRouter's name)."""

_MARK = "arouter-reasoning-v1."
_TEXTS = ("text", "summary", "data", "signature")


def is_capsule(encrypted_content: Any) -> bool:
    """Returns whether an `encrypted_content` is a capsule of ARouter."""
    return isinstance(encrypted_content, str) and encrypted_content.startswith(_MARK)


def seal(contents: Json) -> str:
    """Returns the capsule of JSON contents."""
    return _MARK + base64.urlsafe_b64encode(orjson.dumps(contents)).decode()


def unseal(capsule: str) -> Json | None:
    """Returns the contents of a capsule, or None if it is damaged."""
    try:
        contents = orjson.loads(base64.urlsafe_b64decode(capsule[len(_MARK) :]))
    except (binascii.Error, ValueError):
        return None
    return contents if isinstance(contents, dict) else None


def add_details(details: list[Json], deltas: Any) -> None:
    """Adds the `reasoning_details` of a chunk to those so far; texts of the same index are concatenated.

    Args:
        details: Changed in place, and so are its entries.
        deltas: Anything but an array of objects is ignored.
    """
    for delta in deltas if isinstance(deltas, list) else ():
        if not isinstance(delta, dict):
            continue
        known = next((each for each in details if _continues(each, delta)), None)
        if known is None:
            details.append(dict(delta))
            continue
        for name, value in delta.items():
            if name in _TEXTS and isinstance(value, str) and isinstance(known.get(name), str):
                known[name] += value
            else:
                known[name] = value


def _continues(detail: Json, delta: Json) -> bool:
    """Returns whether a delta continues a detail; it may repeat its id and format, or leave them out."""
    index = delta.get("index")
    return (
        index is not None
        and detail.get("index") == index
        and detail.get("type") == delta.get("type")
        and delta.get("id") in (None, detail.get("id"))
        and delta.get("format") in (None, detail.get("format"))
    )
