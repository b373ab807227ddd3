"""Encodes the parts of message content: OpenAI's parts become Anthropic's content blocks."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from arouter.chat.dropped import Dropped
from arouter.errors import invalid_request
from arouter.providers.anthropic.unchecked import Json, inexpressible, optional, required
from arouter.providers.data_uri import DataUri, parse_data_uri

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"
_FILE_FIELDS = frozenset({"file_id", "file_data", "filename"})
_IMAGE_FIELDS = frozenset({"url", "detail"})
_PART_FIELDS = frozenset({"type", "text", "refusal", "image_url", "file", "cache_control"})


class ContentEncoder:
    """Encodes the parts of one message.

    Args:
        role: The message's role: only `user` and `tool` messages may contain images and files.
        path: The message's path, for errors.
        dropped: Collects parameters without an equivalent.
    """

    def __init__(self, role: str, path: str, dropped: Dropped) -> None:
        self._role = role
        self._path = path
        self._dropped = dropped

    def blocks(self, content: Any) -> list[Json]:
        """Returns the blocks of a validated `content`: a string, an array of parts or None.

        Blank texts are left out, because Anthropic rejects them.
        """
        if content is None:
            return []
        if isinstance(content, str):
            return text_blocks(content)
        blocks = []
        for index, part in enumerate(content):
            blocks += self._part(part, f"{self._path}.content[{index}]")
        return blocks

    def _part(self, part: Json, path: str) -> list[Json]:
        kind, known = part["type"], _PART_FIELDS
        if kind == "text":
            blocks = text_blocks(required(part, "text", str, path))
        elif kind == "refusal" and self._role == "assistant":
            blocks = text_blocks(required(part, "refusal", str, path))
        elif kind == "image_url" and self._role in ("user", "tool"):
            blocks = [self._image(required(part, "image_url", dict, path), f"{path}.image_url")]
        elif kind == "file" and self._role in ("user", "tool"):
            blocks = [self._file(required(part, "file", dict, path), f"{path}.file")]
            known |= {"citations"}
            if blocks[0]["type"] == "document" and (citations := optional(part, "citations", dict, path)):
                blocks[0]["citations"] = citations
        else:
            raise inexpressible(f"A '{kind[:64]}' part in a message of role '{self._role}'", f"{path}.type")
        if blocks and (cache_control := optional(part, "cache_control", dict, path)):
            blocks[-1]["cache_control"] = cache_control
        self._dropped.add_rest(part, known, "messages[].content[].")
        return blocks

    def _image(self, image: Json, path: str) -> Json:
        url = required(image, "url", str, path)
        if image.get("detail") not in (None, "auto"):
            self._dropped.add("messages[].content[].image_url.detail")
        self._dropped.add_rest(image, _IMAGE_FIELDS, "messages[].content[].image_url.")
        if _is_web(url):
            return {"type": "image", "source": {"type": "url", "url": url}}
        media_type, data = _data_uri(url, f"{path}.url")
        if media_type not in _IMAGES:
            raise inexpressible(f"An image of type '{media_type[:64]}' (it takes {', '.join(_IMAGES)})", f"{path}.url")
        return _base64_block("image", media_type, data)

    def _file(self, file: Json, path: str) -> Json:
        if file.get("file_id") is not None:
            raise inexpressible("A file by its id ('file_data' with the file itself can)", f"{path}.file_id")
        data = required(file, "file_data", str, path)
        block = self._document(data, f"{path}.file_data")
        name = optional(file, "filename", str, path)
        if name and block["type"] == "document":
            block["title"] = name
        self._dropped.add_rest(file, _FILE_FIELDS, "messages[].content[].file.")
        return block

    def _document(self, file_data: str, path: str) -> Json:
        if _is_web(file_data):
            return {"type": "document", "source": {"type": "url", "url": file_data}}
        media_type, data = _data_uri(file_data, path)
        if media_type == _PDF:
            return _base64_block("document", media_type, data)
        if media_type in _IMAGES:
            return _base64_block("image", media_type, data)
        if media_type.startswith("text/") or media_type == "application/json":
            source = {"type": "text", "media_type": "text/plain", "data": _text(data, path)}
            return {"type": "document", "source": source}
        raise inexpressible(f"A file of type '{media_type[:64]}'", path)


def text_blocks(text: str) -> list[Json]:
    """Returns a text as a block, or nothing if it is blank."""
    return [{"type": "text", "text": text}] if text.strip() else []


def _is_web(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://"))


def _base64_block(kind: str, media_type: str, data: str) -> Json:
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


def _data_uri(uri: str, path: str) -> DataUri:
    parsed = parse_data_uri(uri)
    if parsed is None:
        raise invalid_request(f"'{path}' must be an http(s) URL or a data URI (data:<type>;base64,<data>).", path)
    return parsed


def _text(data: str, path: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid_request(f"'{path}' must hold UTF-8 text in base64.", path) from error
