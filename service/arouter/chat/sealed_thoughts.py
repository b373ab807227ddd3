"""Carries a model's signed thoughts through clients of Anthropic's Messages API. Pure.

The API's thinking blocks have one opaque member that clients return unchanged: the `signature`, or the `data` of
redacted thinking. Claude's own stay as they are. For those of other models it holds the whole canonical detail (format,
id, signature), so that only the family of models that signed it receives it again.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

CLAUDE_FORMAT = "anthropic-claude-v1"
"""The `format` of Claude's entries in `reasoning_details` (OpenRouter's name)."""

_PREFIX = "arouter."
_MEMBERS = ("type", "id", "format", "signature", "data", "summary")


def seal(detail: dict[str, Any]) -> str:
    """Returns an entry of `reasoning_details`, without its text, as an opaque text."""
    content = {name: value for name in _MEMBERS if (value := detail.get(name)) is not None}
    return _PREFIX + base64.urlsafe_b64encode(orjson.dumps(content)).decode()


def is_sealed(opaque: str) -> bool:
    """Returns whether `seal` has made a text."""
    return opaque.startswith(_PREFIX)


def unseal(opaque: str) -> dict[str, Any] | None:
    """Returns the detail in a sealed text, or None if it is damaged."""
    try:
        content = orjson.loads(base64.urlsafe_b64decode(opaque.removeprefix(_PREFIX)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        return None
    return content
