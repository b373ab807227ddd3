"""What OpenAI's SDK hears, as a conversation again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from matrix.conversation import JsonObject, Said, ToolCall, Used

# The SDK's accumulator raises on answers that were cut or refused.
_NOT_FINAL = ("length", "content_filter")


class Heard(NamedTuple):
    """An answer.

    Attributes:
        headers: The HTTP response's.
        completion: The SDK's; of a stream, what the SDK adds it up to.
    """

    headers: Mapping[str, str]
    completion: Any

    @property
    def said(self) -> Said:
        """The answer in no protocol's words."""
        [choice] = self.completion.choices
        message = choice.message
        return Said(
            text=message.content or "",
            finish=choice.finish_reason,
            reasoning=getattr(message, "reasoning_content", None) or "",
            calls=tuple(
                ToolCall(call.id, call.function.name, json.loads(call.function.arguments))
                for call in message.tool_calls or ()
            ),
            refusal=message.refusal,
            used=_used(self.completion.usage),
        )

    @property
    def message(self) -> JsonObject:
        """The whole message, without what only a stream has: indices of calls, and nulls."""
        message = self.completion.choices[0].message.to_dict(exclude_none=True)
        for call in message.get("tool_calls", ()):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        # Nothing is said by null and by an empty text.
        return {name: value for name, value in message.items() if value not in ("", None)}


def ask(client: openai.OpenAI, model: str, asking: JsonObject, *, stream: bool) -> Heard:
    """Asks a model."""
    create = client.chat.completions.with_raw_response.create
    if not stream:
        raw = create(model=model, **asking)
        return Heard(raw.headers, raw.parse())
    raw = create(model=model, stream=True, stream_options={"include_usage": True}, **asking)
    return Heard(raw.headers, _added_up(raw.parse()))


def _added_up(chunks: Any) -> Any:
    state: Any = ChatCompletionStreamState()
    opened: list[int] = []
    ids, models = set(), set()
    for chunk in chunks:
        ids.add(chunk.id)
        models.add(chunk.model)
        opened += [call.index for choice in chunk.choices for call in choice.delta.tool_calls or () if call.id]
        state.handle_chunk(chunk)
    assert len(ids) == len(models) == 1
    # Each call has an index of its own, counted from 0.
    assert opened == list(range(len(opened)))
    snapshot = state.current_completion_snapshot
    return snapshot if snapshot.choices[0].finish_reason in _NOT_FINAL else state.get_final_completion()


def _used(usage: Any) -> Used:
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Used(
        usage.prompt_tokens,
        usage.completion_tokens,
        prompt.cached_tokens,
        prompt.cache_write_tokens or 0,
        completion.reasoning_tokens,
    )
