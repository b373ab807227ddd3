"""OpenAI's SDK as a judge: its parameter types check requests, its accumulator says what a stream adds up to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from judges.typed_dicts import type_faults


def faults(request: dict[str, Any]) -> list[str]:
    """Returns what the SDK's types find wrong with a chat request."""
    streams = request.get("stream")
    return type_faults(
        request, CompletionCreateParamsStreaming if streams else CompletionCreateParamsNonStreaming, "request"
    )


def said_by(completion: dict[str, Any]) -> dict[str, Any]:
    """Returns the part of a whole answer that a stream must add up to."""
    return _said(ChatCompletion.model_validate({"created": 1, **completion}))


def added_up(chunks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Returns what the OpenAI SDK makes of a stream."""
    state: Any = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate({"created": 1, **chunk}))
    return _said(state.current_completion_snapshot)


def _said(completion: ChatCompletion) -> dict[str, Any]:
    said = completion.model_dump(mode="json", exclude_none=True, include={"choices", "usage", "id", "model"})
    for choice in said["choices"]:
        choice.pop("native_finish_reason", None)  # the accumulator keeps no fields of a choice that it does not know
        choice["message"].pop("parsed", None)
        for call in choice["message"].get("tool_calls", ()):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
    return said
