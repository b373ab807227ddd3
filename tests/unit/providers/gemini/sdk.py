"""Judges not ours: the types of Google's SDK for what is sent, the OpenAI SDK's accumulator for what comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.genai import types
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, ConfigDict


class GenerationConfig(types.GenerationConfig):
    """Google's type forgets a field that its SDK sends (`_GenerateContentConfig_to_mldev`)."""

    image_config: types.ImageConfig | None = None


class GenerateContentRequest(BaseModel):
    """The request body. The SDK has no type for the whole of it, only for each member."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contents: list[types.Content]
    systemInstruction: types.Content | None = None  # noqa: N815
    tools: list[types.Tool] | None = None
    toolConfig: types.ToolConfig | None = None  # noqa: N815
    safetySettings: list[types.SafetySetting] | None = None  # noqa: N815
    generationConfig: GenerationConfig | None = None  # noqa: N815
    cachedContent: str | None = None  # noqa: N815
    labels: dict[str, str] | None = None
    serviceTier: types.ServiceTier | None = None  # noqa: N815
    store: bool | None = None


def read_request(body: bytes) -> GenerateContentRequest:
    """Returns the request as Google's types; unknown fields and wrong types are errors."""
    return GenerateContentRequest.model_validate_json(body, strict=True)


def read_response(document: Any) -> types.GenerateContentResponse:
    """Returns an answer or an event as Google's types; unknown fields are errors."""
    return types.GenerateContentResponse.model_validate(document)


def write_response(response: types.GenerateContentResponse) -> bytes:
    """Returns what Google would send."""
    return response.model_dump_json(by_alias=True, exclude_none=True).encode()


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
