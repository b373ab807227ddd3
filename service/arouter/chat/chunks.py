"""What the router inspects in a streamed chunk, in canonical form.

A canonical stream consists of chunks without `usage`, then at most one chunk with `"choices": []` and `usage`.
"""

from __future__ import annotations

from typing import Any

Chunk = dict[str, Any]


def is_meaningful(chunk: Chunk) -> bool:
    """Returns whether a chunk commits the router to its provider.

    A chunk that only opens the response (a role, an empty text) does not: if the provider fails after it, another one
    can take over without the client seeing two responses.
    """
    return any(
        choice.get("finish_reason") is not None
        or any(value for field, value in (choice.get("delta") or {}).items() if field != "role")
        for choice in chunk["choices"]
    )


def chunks_of(completion: Chunk) -> list[Chunk]:
    """Returns a complete response as a stream: its messages, their finish reasons and the usage."""
    rest = {field: value for field, value in completion.items() if field not in ("choices", "usage")}
    messages, ends = [], []
    for choice in completion["choices"]:
        delta = dict(choice["message"])
        if calls := delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
        beginning = {field: value for field, value in choice.items() if field not in ("message", "finish_reason")}
        messages.append({**beginning, "delta": delta, "finish_reason": None})
        ends.append({"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]})
    chunks = [{**rest, "choices": messages}, {**rest, "choices": ends}]
    return [*chunks, usage_chunk(rest, completion["usage"])] if completion.get("usage") else chunks


def usage_chunk(template: Chunk, usage: dict[str, Any]) -> Chunk:
    """Returns the last chunk of a stream: no choices, only usage."""
    rest = {field: value for field, value in template.items() if field not in ("choices", "usage")}
    return {**rest, "choices": [], "usage": usage}
