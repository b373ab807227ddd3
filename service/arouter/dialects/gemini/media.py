"""Translates Gemini's media parts to canonical parts and back."""

from __future__ import annotations

from typing import Any

from arouter.chat.types import NAME, missing
from arouter.dialects.gemini.fields import Fields, Json

_AUDIO_FORMATS = {"mpeg": "mp3", "wave": "wav", "x-wav": "wav", "vnd.wave": "wav"}
"""OpenAI's names of audio formats, by Gemini's subtypes."""

_GOOGLE_FILES = "https://generativelanguage.googleapis.com/"


def inline_part(blob: Fields) -> Json:
    """Returns the canonical part for `inlineData`.

    Raises:
        ARouterError: INVALID_REQUEST.
    """
    mime_type, data = blob.take("mimeType", NAME), blob.take("data", NAME)
    name = blob.text("displayName")
    if mime_type is None or data is None:
        raise missing(blob.at("mimeType" if mime_type is None else "data"))
    # Clients that encode bytes for URLs are accepted by Google, and by no other provider.
    data = data.replace("-", "+").replace("_", "/")
    kind, _, subtype = mime_type.partition("/")
    if kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMATS.get(subtype, subtype)}}
    return _linked(kind, subtype, f"data:{mime_type};base64,{data}", name)


def file_part(file: Fields) -> tuple[Json, bool]:
    """Returns the canonical part for `fileData`, and whether only Google can read the file.

    Raises:
        ARouterError: INVALID_REQUEST.
    """
    uri, mime_type = file.take("fileUri", NAME), file.text("mimeType") or ""
    name = file.text("displayName")
    if uri is None:
        raise missing(file.at("fileUri"))
    kind, _, subtype = mime_type.partition("/")
    is_google = uri.startswith((_GOOGLE_FILES, "gs://")) or "://" not in uri
    return _linked(kind, subtype, uri, name), is_google


def parts_of_image(url: str) -> Json:
    """Returns Gemini's part for the URL of an image in a response."""
    mime_type, found, data = url.removeprefix("data:").partition(";base64,")
    if url.startswith("data:") and found:
        return {"inlineData": {"mimeType": mime_type, "data": data}}
    return {"fileData": {"fileUri": url}}


def audio_type(request: Json) -> str:
    """Returns the media type of a spoken response, from the format that the canonical request asks for."""
    audio: Any = request.get("audio")
    format_ = audio.get("format") if isinstance(audio, dict) else None
    return "audio/L16;codec=pcm;rate=24000" if format_ in (None, "pcm16") else f"audio/{format_}"


def _linked(kind: str, subtype: str, url: str, name: str | None) -> Json:
    if kind in ("image", "video"):
        return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}
    # OpenAI requires a name.
    return {
        "type": "file",
        "file": {"filename": name or f"file.{subtype.partition(';')[0] or 'pdf'}", "file_data": url},
    }
