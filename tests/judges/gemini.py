"""Google's SDK as a judge: its types check requests, answers and events."""

from __future__ import annotations

from typing import Any

from google.genai import types
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
