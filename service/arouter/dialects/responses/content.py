"""Converts the parts of a Responses message or tool output to canonical parts."""

from __future__ import annotations

from typing import Any

from arouter.chat.types import OBJECT, STRING, check, missing, wrong_type
from arouter.dialects.parts import text_or_parts
from arouter.dialects.unserved import Unserved

Json = dict[str, Any]

_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_FILE_MEMBERS = ("file_id", "filename")


def canonical_content(content: Any, path: str, unserved: Unserved) -> str | list[Json]:
    """Returns the canonical content of a text or of parts.

    Args:
        content: The content.
        path: Its path.
        unserved: Collects parts that the canonical form does not know, which are left out.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the invalid part.
    """
    if isinstance(content, str):
        return content
    if content is None:
        raise missing(path)
    if not isinstance(content, list):
        raise wrong_type(path, "a string or an array of parts", content)
    parts = [_part(part, f"{path}[{index}]", unserved) for index, part in enumerate(content)]
    return text_or_parts([part for part in parts if part])


def _part(part: Any, path: str, unserved: Unserved) -> Json:
    check(part, OBJECT, path)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise missing(f"{path}.type") if kind is None else wrong_type(f"{path}.type", "a string", kind)
    if kind in _TEXTS:
        converted: Json = {"type": "text", "text": _text(part, "text", path)}
    elif kind == "refusal":
        converted = {"type": "refusal", "refusal": _text(part, "refusal", path)}
    elif kind == "input_image":
        converted = _image(part, path)
    elif kind == "input_file":
        converted = _file(part, path)
    elif kind == "input_audio":
        audio = part.get("input_audio")
        if not isinstance(audio, dict):
            raise wrong_type(f"{path}.input_audio", "an object", audio)
        converted = {"type": "input_audio", "input_audio": audio}
    else:
        unserved.require_native(path)
        return {}
    if part.get("cache_control") is not None:
        converted["cache_control"] = part["cache_control"]
    return converted


def _image(part: Json, path: str) -> Json:
    if part.get("file_id") is not None:
        return {"type": "file", "file": {"file_id": _text(part, "file_id", path)}}
    image = {"url": _text(part, "image_url", path)}
    if part.get("detail") is not None:
        image["detail"] = _text(part, "detail", path)
    return {"type": "image_url", "image_url": image}


def _file(part: Json, path: str) -> Json:
    file = {name: _text(part, name, path) for name in _FILE_MEMBERS if part.get(name) is not None}
    for name in ("file_data", "file_url"):
        if part.get(name) is not None:
            file["file_data"] = _text(part, name, path)
    if not file.keys() & {"file_data", "file_id"}:
        raise missing(f"{path}.file_data")
    return {"type": "file", "file": file}


def _text(holder: Json, name: str, path: str) -> str:
    value = holder.get(name)
    if value is None:
        raise missing(f"{path}.{name}")
    check(value, STRING, f"{path}.{name}")
    if name != "text" and name != "refusal" and not value:
        raise missing(f"{path}.{name}")
    return str(value)
