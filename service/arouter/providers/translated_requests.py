"""Adapts requests that a client dialect has translated to servers of OpenAI's protocol.

In chat completions, clients ask for what their provider supports. Clients of another vendor's API cannot know it: they
ask for thinking and effort of every model, and put images into tool results.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.efforts import effort_of

Json = dict[str, Any]

_OPTIONAL = frozenset({"reasoning_effort", "top_k"})
"""Parameters that a server may refuse, and without which the response is to the same question."""

_MEDIA = "Content of the result of the tool call {id}:"
_ELSEWHERE = "The result is in the next message of the user."


def adapt(body: Json, without: frozenset[str], dropped: dict[str, None]) -> frozenset[str]:
    """Adapts a request.

    Args:
        body: Changed in place, but nothing inside it.
        without: Parameters that the provider has refused.
        dropped: Receives the names of those of them that are left out.

    Returns:
        The parameters that the provider may refuse as well.
    """
    if body.get("reasoning"):
        # OpenAI's own has the effort alone.
        effort = effort_of(body)
        if effort is not None:
            body["reasoning_effort"] = effort
        del body["reasoning"]
    for name in _OPTIONAL & without & body.keys():
        del body[name]
        dropped[name] = None
    body["messages"] = _media_apart(body["messages"])
    return _OPTIONAL & body.keys()


def _media_apart(messages: list[Json]) -> list[Json]:
    """Moves images and files from tool results, which can be only text, to a message of the user after them."""
    if not any(message["role"] == "tool" and isinstance(message["content"], list) for message in messages):
        return messages
    moved: list[Json] = []
    media: list[Json] = []
    for message in messages:
        if message["role"] != "tool":
            moved += _from_user(media)
            media = []
        elif isinstance(message["content"], list):
            texts = [part for part in message["content"] if part["type"] == "text"]
            others = [part for part in message["content"] if part["type"] != "text"]
            if others:
                heading = {"type": "text", "text": _MEDIA.format(id=message["tool_call_id"])}
                media += [heading, *others]
                message = {**message, "content": texts or _ELSEWHERE}
        moved.append(message)
    return moved + _from_user(media)


def _from_user(parts: list[Json]) -> list[Json]:
    return [{"role": "user", "content": parts}] if parts else []
