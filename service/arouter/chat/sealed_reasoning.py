"""Seals reasoning that is signed or encrypted, for clients of APIs that have one opaque text for it. Pure.

Clients return that text unchanged: the `signature` of a thinking block (Messages), the `encrypted_content` of a
reasoning item (Responses), the `thoughtSignature` of a part (Gemini). What the API's own vendor has signed is sent as
it is. Of other vendors it holds the canonical details, so that only the models that signed them receive them again.

A sealed text is base64 of a mark and JSON. All of it is base64 because Gemini's clients decode and encode theirs,
some with the URL-safe alphabet.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

_MARK = b"arouter:"
_PREFIX = base64.b64encode(_MARK)[:10].decode()
"""The characters that depend on the mark alone."""

_URL_SAFE = str.maketrans("-_", "+/")
_DETAIL_MEMBERS = ("type", "id", "format", "signature", "data", "summary")


def seal(value: Any) -> str:
    """Returns the text that holds a JSON value."""
    return base64.b64encode(_MARK + orjson.dumps(value)).decode()


def is_sealed(opaque: Any) -> bool:
    """Returns whether a value is a text that `seal` has made, which may be damaged."""
    return isinstance(opaque, str) and opaque.startswith(_PREFIX)


def unseal(opaque: str) -> Any:
    """Returns the value in a sealed text, or None if the text is damaged or not sealed."""
    if not is_sealed(opaque):
        return None
    text = opaque.translate(_URL_SAFE).rstrip("=")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        return orjson.loads(data.removeprefix(_MARK))
    except (binascii.Error, ValueError):
        return None


def seal_detail(detail: dict[str, Any]) -> str:
    """Returns the text that holds an entry of `reasoning_details` without its text."""
    return seal({name: value for name in _DETAIL_MEMBERS if (value := detail.get(name)) is not None})


def unseal_detail(opaque: str) -> dict[str, Any] | None:
    """Returns the entry that `seal_detail` has sealed, or None if the text is damaged."""
    detail = unseal(opaque)
    if not isinstance(detail, dict) or not all(isinstance(value, str) for value in detail.values()):
        return None
    return detail
