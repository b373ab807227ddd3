"""The order of messages that a provider with the `openai` protocol requires.

- `any`: no restriction.
- `leading`: only one message of instructions, at the beginning; later ones become user messages. Chat templates of
  Qwen, Gemma and others require it (vllm-project/vllm#41114, ggml-org/llama.cpp#27367, ollama/ollama#17774).
- `answered`: an assistant message between a tool result and any other message, no instructions right after an assistant
  message, and no empty assistant message. Source: mistral-common, validators (avante-corp/avante.nvim#2695,
  NousResearch/hermes-agent#20154).
- `alternating`: instructions first, then user and assistant messages in turn, starting with the user. Perplexity and
  DeepSeek return errors otherwise (perplexityai/api-discussion#265, open-webui/open-webui#9266,
  ChatGPTNextWeb/NextChat#6343).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arouter.config.quirks import Order

Json = dict[str, Any]

OPENING = "Begin the conversation."
"""User message that is inserted if a provider rejects a conversation that does not start with the user."""

CONTINUE = "Continue your last message from exactly where it ends, and repeat nothing of it."
"""User message that is appended if a provider does not continue an assistant message (platform.claude.com,
migration)."""

PREFILL = "messages[].prefix"
"""Name in `dropped` for a final assistant message that is not continued by the provider's own mechanism."""

_ACKNOWLEDGEMENT = "Understood."
_INSTRUCTIONS = frozenset({"system", "developer"})
_AFTER_TOOLS = frozenset({"assistant", "tool"})


def ordered(messages: Sequence[Json], order: Order) -> list[Json]:
    """Returns the messages in the required order. The beginning of a conversation is not changed by later messages."""
    if order == "any":
        return list(messages)
    if order == "leading":
        return _leading(messages)
    if order == "alternating":
        return _alternating(messages)
    return acknowledge_results(_without_empty_answers(_instructions_behind_users(messages)))


def acknowledge_results(messages: Sequence[Json]) -> list[Json]:
    """Inserts an assistant message between tool results and messages other than answers to them."""
    ordered: list[Json] = []
    for message in messages:
        if ordered and ordered[-1].get("role") == "tool" and message.get("role") not in _AFTER_TOOLS:
            ordered.append({"role": "assistant", "content": _ACKNOWLEDGEMENT})
        ordered.append(message)
    return ordered


def continues(messages: Sequence[Json]) -> bool:
    """Returns whether the last message is from the assistant, so that the answer should continue it."""
    last = messages[-1]
    return last.get("role") == "assistant" and not last.get("tool_calls")


def mark_prefix(messages: Sequence[Json], member: str) -> list[Json]:
    """Sets `member` on a final assistant message, so that the answer continues it."""
    return [*messages[:-1], {**messages[-1], member: True}] if continues(messages) else list(messages)


def ask_to_continue(messages: Sequence[Json]) -> list[Json]:
    """Appends a user message that asks to continue, if the last message is from the assistant.

    Not if the client itself sets `prefix`, whose effect depends on the provider.
    """
    if not continues(messages) or messages[-1].get("prefix"):
        return list(messages)
    return [*messages, {"role": "user", "content": CONTINUE}]


def without_empty_calls(messages: Sequence[Json]) -> list[Json]:
    """Removes empty `tool_calls`.

    OpenAI rejects an empty array (openai/openai-node#1341), Mistral the member in a user message
    (Gage-Technologies/mistral-go#2).
    """
    return [
        {name: value for name, value in message.items() if name != "tool_calls"}
        if "tool_calls" in message and not message["tool_calls"]
        else message
        for message in messages
    ]


def _without_empty_answers(messages: Sequence[Json]) -> list[Json]:
    """Removes assistant messages without content and calls: another provider gave only reasoning."""
    return [
        message
        for message in messages
        if message.get("role") != "assistant" or message.get("content") or message.get("tool_calls")
    ]


def _instructions_behind_users(messages: Sequence[Json]) -> list[Json]:
    """Moves instructions that follow an answer or a result after the next user message, or converts them to one."""
    ordered: list[Json] = []
    late: list[Json] = []
    for message in messages:
        role = message.get("role")
        if role in _INSTRUCTIONS and ordered and ordered[-1].get("role") in _AFTER_TOOLS:
            late.append(message)
            continue
        if late and role == "user":
            ordered += [message, *late]
        else:
            ordered += [{**instruction, "role": "user"} for instruction in late]
            ordered.append(message)
        late = []
    return ordered + [{**instruction, "role": "user"} for instruction in late]


def _leading(messages: Sequence[Json]) -> list[Json]:
    ordered: list[Json] = []
    for message in messages:
        if message.get("role") not in _INSTRUCTIONS or not ordered:
            ordered.append(message)
        elif len(ordered) == 1 and ordered[0].get("role") in _INSTRUCTIONS:
            ordered[0] = _merged(ordered[0], message)
        else:
            ordered.append({**message, "role": "user"})
    return ordered


def _alternating(messages: Sequence[Json]) -> list[Json]:
    ordered: list[Json] = []
    for message in messages:
        role = message.get("role")
        before = ordered[-1].get("role") if ordered else None
        if role in _INSTRUCTIONS:
            if before is None or before in _INSTRUCTIONS:
                ordered.append(message)
                continue
            message, role = {**message, "role": "user"}, "user"
        if role == "assistant" and before != "tool" and before != "user" and before != "assistant":
            ordered.append({"role": "user", "content": OPENING})
        if role == before and role != "tool" and not (role == "assistant" and ordered[-1].get("tool_calls")):
            ordered[-1] = _merged(ordered[-1], message)
        else:
            ordered.append(message)
    if ordered[-1].get("role") in _INSTRUCTIONS:
        ordered[-1] = {**ordered[-1], "role": "user"}
    return ordered


def _merged(first: Json, second: Json) -> Json:
    """Merges two messages of the same role."""
    contents = [content for message in (first, second) if (content := message.get("content"))]
    if all(isinstance(content, str) for content in contents):
        return {**first, **second, "content": "\n\n".join(contents)}
    parts = [[{"type": "text", "text": content}] if isinstance(content, str) else content for content in contents]
    return {**first, **second, "content": [part for content in parts for part in content]}
