"""Leaves out members of canonical responses whose type is not the one that translations read.

Responses of OpenAI-compatible servers reach clients of chat completions with every member as the server wrote it;
a wrong type there is for the client to judge. In another dialect it must not cost the client the whole response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arouter.chat.chunks import Chunk
from arouter.chat.types import NUMBER, OBJECT, OBJECTS, STRING, Kind, check, object_of
from arouter.errors import ARouterError

Json = dict[str, Any]

_TOKEN = {"token": STRING, "logprob": NUMBER}
_TOKENS = OBJECTS._replace(
    items=object_of({**_TOKEN, "top_logprobs": OBJECTS._replace(items=object_of(_TOKEN))}),
)
_IMAGE = object_of({"image_url": object_of({"url": STRING}, "url")}, "image_url")

_DOCUMENT: Mapping[str, Kind] = {"usage": OBJECT}
_CHOICE: Mapping[str, Kind] = {"logprobs": object_of({"content": _TOKENS})}
_MESSAGE: Mapping[str, Kind] = {
    "annotations": OBJECTS,
    "images": OBJECTS._replace(items=_IMAGE),
    "reasoning": STRING,
    "reasoning_content": STRING,
    "refusal": STRING,
}
_USAGE: Mapping[str, Kind] = {
    "completion_tokens": NUMBER,
    "completion_tokens_details": OBJECT,
    "prompt_tokens": NUMBER,
    "prompt_tokens_details": OBJECT,
    "total_tokens": NUMBER,
}


def readable(document: Chunk) -> Chunk:
    """Returns a completion or a chunk without such members; itself, if it has none.

    Native ones, which are not translated, are returned as they are.
    """
    if type(document) is not dict:
        return document
    found = _without_wrong(document, _DOCUMENT)
    if usage := found.get("usage"):
        found = _with(found, "usage", _without_wrong(usage, _USAGE))
    choices = [_choice(choice) for choice in document["choices"]]
    if any(new is not old for new, old in zip(choices, document["choices"], strict=True)):
        found = {**found, "choices": choices}
    return found


def _choice(choice: Json) -> Json:
    found = _without_wrong(choice, _CHOICE)
    for name in ("delta", "message"):
        if message := choice.get(name):
            found = _with(found, name, _without_wrong(message, _MESSAGE))
    return found


def _with(holder: Json, name: str, value: Json) -> Json:
    return holder if holder[name] is value else {**holder, name: value}


def _without_wrong(holder: Json, kinds: Mapping[str, Kind]) -> Json:
    wrong = [
        name
        for name in kinds.keys() & holder.keys()
        if holder[name] is not None and not _fits(holder[name], kinds[name])
    ]
    return {name: value for name, value in holder.items() if name not in wrong} if wrong else holder


def _fits(value: Any, kind: Kind) -> bool:
    # Most are plain texts.
    if kind is STRING:
        return type(value) is str
    try:
        check(value, kind, "")
    except ARouterError:
        return False
    return True
