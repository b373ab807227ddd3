"""The order of messages that a vendor of the `openai` protocol takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

OPENING = "Begin the conversation."
"""What the user is given to say where a provider refuses a conversation that begins otherwise."""

_ACKNOWLEDGEMENT = "Understood."
_AFTER_TOOLS = frozenset({"assistant", "tool"})


def acknowledge_results(messages: Sequence[Json]) -> list[Json]:
    """Returns the messages with one of the assistant between results of tools and what is not an answer to them.

    Source: mistral-common, validators, message order (avante-corp/avante.nvim#2695, NousResearch/hermes-agent#20154).
    """
    ordered: list[Json] = []
    for message in messages:
        if ordered and ordered[-1].get("role") == "tool" and message.get("role") not in _AFTER_TOOLS:
            ordered.append({"role": "assistant", "content": _ACKNOWLEDGEMENT})
        ordered.append(message)
    return ordered


def mark_prefix(messages: Sequence[Json], member: str) -> list[Json]:
    """Returns the messages with `member` on a last one of the assistant, which the answer then continues."""
    last = messages[-1]
    if last.get("role") != "assistant" or last.get("tool_calls"):
        return list(messages)
    return [*messages[:-1], {**last, member: True}]


def without_empty_calls(messages: Sequence[Json]) -> list[Json]:
    """Returns the messages without `tool_calls` that hold none.

    OpenAI refuses an empty array (openai/openai-node#1341), Mistral the member in a user's message
    (Gage-Technologies/mistral-go#2).
    """
    return [
        {name: value for name, value in message.items() if name != "tool_calls"}
        if "tool_calls" in message and not message["tool_calls"]
        else message
        for message in messages
    ]
