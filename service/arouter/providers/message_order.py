"""The order of messages that a vendor of the `openai` protocol takes.

- `any`: as they come.
- `leading`: one message of instructions, and that first; those that come later are the user's words. Chat templates of
  Qwen, Gemma and others demand it (vllm-project/vllm#41114, ggml-org/llama.cpp#27367, ollama/ollama#17774).
- `answered`: an answer between a tool's result and what is not one, no instructions right behind an answer, and no
  empty answer. Source: mistral-common, validators (avante-corp/avante.nvim#2695, NousResearch/hermes-agent#20154).
- `alternating`: instructions first, then users' messages and answers in turn, beginning with the user's. Perplexity and
  DeepSeek say so in errors (perplexityai/api-discussion#265, open-webui/open-webui#9266, ChatGPTNextWeb/NextChat#6343).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arouter.config.quirks import Order

Json = dict[str, Any]

OPENING = "Begin the conversation."
"""What the user is given to say where a provider refuses a conversation that begins otherwise."""

CONTINUE = "Continue your last message from exactly where it ends, and repeat nothing of it."
"""What the user is given to say where a provider refuses to continue an answer (platform.claude.com, migration)."""

PREFILL = "messages[].prefix"
"""How an answer's beginning that is not continued in the provider's own way is named as dropped."""

_ACKNOWLEDGEMENT = "Understood."
_INSTRUCTIONS = frozenset({"system", "developer"})
_AFTER_TOOLS = frozenset({"assistant", "tool"})


def ordered(messages: Sequence[Json], order: Order) -> list[Json]:
    """Returns the messages in the order that a vendor takes; the beginning of a conversation stays as it was sent."""
    if order == "any":
        return list(messages)
    if order == "leading":
        return _leading(messages)
    if order == "alternating":
        return _alternating(messages)
    return acknowledge_results(_without_empty_answers(_instructions_behind_users(messages)))


def acknowledge_results(messages: Sequence[Json]) -> list[Json]:
    """Returns the messages with one of the assistant between results of tools and what is not an answer to them."""
    ordered: list[Json] = []
    for message in messages:
        if ordered and ordered[-1].get("role") == "tool" and message.get("role") not in _AFTER_TOOLS:
            ordered.append({"role": "assistant", "content": _ACKNOWLEDGEMENT})
        ordered.append(message)
    return ordered


def continues(messages: Sequence[Json]) -> bool:
    """Says whether the messages end with an answer's beginning, which the client wants to be continued."""
    last = messages[-1]
    return last.get("role") == "assistant" and not last.get("tool_calls")


def mark_prefix(messages: Sequence[Json], member: str) -> list[Json]:
    """Returns the messages with `member` on a last one of the assistant, which the answer then continues."""
    return [*messages[:-1], {**messages[-1], member: True}] if continues(messages) else list(messages)


def ask_to_continue(messages: Sequence[Json]) -> list[Json]:
    """Returns the messages with one of the user behind a last one of the assistant, that asks for the rest of it.

    A client that says `prefix` itself knows what the vendor makes of that.
    """
    if not continues(messages) or messages[-1].get("prefix"):
        return list(messages)
    return [*messages, {"role": "user", "content": CONTINUE}]


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


def _without_empty_answers(messages: Sequence[Json]) -> list[Json]:
    """Leaves out answers that say and call nothing: their reasoning was all that another provider gave."""
    return [
        message
        for message in messages
        if message.get("role") != "assistant" or message.get("content") or message.get("tool_calls")
    ]


def _instructions_behind_users(messages: Sequence[Json]) -> list[Json]:
    """Puts instructions that follow an answer or a result behind the user's next words, or makes them such words."""
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
    """Returns two messages of one role as one."""
    contents = [content for message in (first, second) if (content := message.get("content"))]
    if all(isinstance(content, str) for content in contents):
        return {**first, **second, "content": "\n\n".join(contents)}
    parts = [[{"type": "text", "text": content}] if isinstance(content, str) else content for content in contents]
    return {**first, **second, "content": [part for content in parts for part in content]}
