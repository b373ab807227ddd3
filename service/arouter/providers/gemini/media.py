"""Encodes images, audio, video and files as Gemini's inlineData (bytes) or fileData (a URL that Google fetches)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from arouter.chat.dropped import Dropped
from arouter.errors import ARouterError, invalid_request
from arouter.providers.data_uri import canonical_type, is_data_uri, parse_data_uri
from arouter.providers.lenient import JsonObject

# ai.google.dev/gemini-api/docs/file-input-methods. Not `mimetypes`, which depends on the machine's files.
_TYPES = {
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "csv": "text/csv",
    "flac": "audio/flac",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "m4a": "audio/m4a",
    "md": "text/markdown",
    "mov": "video/mov",
    "mp3": "audio/mp3",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/opus",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "xml": "text/xml",
}
_LINK_FIELDS = frozenset({"url", "detail"})
_AUDIO_FIELDS = frozenset({"data", "format"})
_FILE_FIELDS = frozenset({"file_data", "file_id", "filename"})
_FETCHED = frozenset({"http", "https", "gs"})


def media_part(part: JsonObject, path: str, dropped: Dropped) -> JsonObject:
    """Returns the part for a part that is not text.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the part, if Gemini does not support it.
    """
    kind = part["type"]
    if kind in ("image_url", "video_url"):
        media = _field(part, kind, path)
        if isinstance(media, str):  # not OpenAI's format, but common
            media = {"url": media}
        if media.get("detail") not in (None, "auto"):
            dropped.add(f"messages[].content[].{kind}.detail")
        dropped.add_rest(media, _LINK_FIELDS, f"messages[].content[].{kind}.")
        return part_from_url(_text(media, "url", f"{path}.{kind}"), f"{path}.{kind}.url")
    if kind == "input_audio":
        audio = _field(part, kind, path)
        dropped.add_rest(audio, _AUDIO_FIELDS, "messages[].content[].input_audio.")
        format_ = _text(audio, "format", f"{path}.{kind}")
        return _inline(_TYPES.get(format_, f"audio/{format_}"), _text(audio, "data", f"{path}.{kind}"))
    if kind == "file":
        file = _field(part, kind, path)
        dropped.add_rest(file, _FILE_FIELDS, "messages[].content[].file.")
        return _file(file, f"{path}.file")
    raise invalid_request(f"Content parts of type '{kind[:64]}' are not supported by Gemini ({path}).", f"{path}.type")


def part_from_url(url: str, path: str) -> JsonObject:
    """Returns the part for a data URI or for a URL that Google can fetch.

    Raises:
        ARouterError: INVALID_REQUEST with `path`.
    """
    if is_data_uri(url):
        return _from_data_uri(url, path)
    try:
        parsed = urlsplit(url)
    except ValueError as error:
        raise _unusable(path) from error
    if parsed.scheme not in _FETCHED:
        raise _unusable(path)
    data: JsonObject = {"fileUri": url}
    if mime_type := _type_of(parsed.path):
        data["mimeType"] = mime_type
    return {"fileData": data}


def _unusable(path: str) -> ARouterError:
    return invalid_request(f"'{path}' must be a data URI or a URL with one of: http, https, gs.", path)


def _from_data_uri(url: str, path: str) -> JsonObject:
    parsed = parse_data_uri(url)
    if parsed is None:
        raise invalid_request(f"'{path}' is a data URI without data.", path)
    return _inline(*parsed)


def _file(file: JsonObject, path: str) -> JsonObject:
    data, id_, name = file.get("file_data"), file.get("file_id"), file.get("filename")
    if isinstance(data, str) and data:
        if is_data_uri(data) or "://" in data[:10]:
            return part_from_url(data, f"{path}.file_data")
        mime_type = _type_of(name) if isinstance(name, str) else None
        if mime_type is None:
            raise invalid_request(
                f"'{path}' has no media type: send a data URI or a 'filename' with an extension.",
                f"{path}.file_data",
            )
        return _inline(mime_type, data)
    if isinstance(id_, str) and "://" in id_:
        return part_from_url(id_, f"{path}.file_id")
    raise invalid_request(
        f"'{path}' needs 'file_data', or a URL as 'file_id': Gemini cannot read files uploaded elsewhere.",
        path if id_ is None else f"{path}.file_id",
    )


def _inline(mime_type: str, data: str) -> JsonObject:
    return {"inlineData": {"mimeType": canonical_type(mime_type), "data": data}}


def _type_of(name: str) -> str | None:
    return _TYPES.get(name.rpartition(".")[2].lower())


def _field(part: JsonObject, name: str, path: str) -> Any:
    value = part.get(name)
    if not isinstance(value, dict) and not (name.endswith("_url") and isinstance(value, str)):
        raise invalid_request(f"Missing required parameter: '{path}.{name}'.", f"{path}.{name}")
    return value


def _text(fields: JsonObject, name: str, path: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_request(f"Missing required parameter: '{path}.{name}', a string.", f"{path}.{name}")
    return value
