"""Data URIs (RFC 2397), as clients put files and images into messages."""

from __future__ import annotations

import base64
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_ALIASES = {"image/jpg": "image/jpeg"}
"""Types that clients write and providers refuse."""


class DataUri(NamedTuple):
    """What a data URI holds.

    Attributes:
        media_type: In lower case, without parameters.
        data: The content in base64, as the client wrote it.
    """

    media_type: str
    data: str


def is_data_uri(text: str) -> bool:
    """Says whether a text is meant as a data URI."""
    return text[:5].lower() == "data:"


def parse_data_uri(text: str) -> DataUri | None:
    """Returns what a data URI holds, or None if a text is not a data URI, or one without data."""
    described, comma, data = text[5:].partition(",")
    if not comma or not is_data_uri(text):
        return None
    media_type, *parameters = described.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    # RFC 2397's default.
    return DataUri(canonical_type(media_type.strip().lower() or "text/plain"), data)


def canonical_type(media_type: str) -> str:
    """Returns the registered name of a media type."""
    return _ALIASES.get(media_type, media_type)
