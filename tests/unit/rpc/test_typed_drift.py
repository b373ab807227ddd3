"""The typed messages have every field of the `openai` SDK's request and response types, or a reason not to."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from openai.types import CreateEmbeddingResponse, EmbeddingCreateParams
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParams,
    CompletionCreateParamsBase,
    ResponseFormat,
)
from pydantic import BaseModel
from typing_extensions import TypedDict
from unit.rpc.openai_types import is_object, members, object_fields, words
from unit.rpc.typed_builder import enum_words

from arouter.v1.chat_service_pb2 import (
    ChatCompletionRequest,
    ChatCompletionResponse,
    StreamChatCompletionResponse,
)
from arouter.v1.embedding_service_pb2 import CreateEmbeddingsRequest, CreateEmbeddingsResponse

_BREAKPOINT = "always 'explicit'; PromptCacheBreakpoint is that"
_RESULT = "always 'moderation_result'; ModerationResult is that"
LEFT_OUT = {
    ChatCompletionRequest: {
        "stream": "the method determines it",
        "messages.content.prompt_cache_breakpoint.mode": _BREAKPOINT,
        "prediction.content.prompt_cache_breakpoint.mode": _BREAKPOINT,
    },
    ChatCompletionResponse: {
        "object": "always 'chat.completion'; the message is that",
        "moderation.input.results.type": _RESULT,
        "moderation.output.results.type": _RESULT,
    },
    StreamChatCompletionResponse: {
        "object": "always 'chat.completion.chunk'; the message is that",
        "moderation.input.results.type": _RESULT,
        "moderation.output.results.type": _RESULT,
    },
    CreateEmbeddingsRequest: {"encoding_format": "vectors are numbers in single precision"},
    CreateEmbeddingsResponse: {
        "object": "always 'list'; the message is that",
        "data.object": "always 'embedding'; Embedding is that",
    },
}


def missing(annotation: Any, descriptor: Descriptor, path: str = "") -> set[str]:
    """Returns the paths of the SDK's fields, variants and enum words that the typed message does not have."""
    found: set[str] = set()
    for member in filter(is_object, members(annotation)):
        fields = object_fields(member)
        message = _flat_variant(fields, descriptor)
        for name, field in fields.items():
            found |= _missing_field(name, field, message, f"{path}{name}", variant_of=descriptor)
    return found


def _flat_variant(fields: dict[str, Any], descriptor: Descriptor) -> Descriptor:
    """Returns the variant's own message where OpenAI's JSON has the variant's fields beside `type`."""
    for kind in words(fields.get("type")):
        variant = descriptor.fields_by_name.get(kind)
        if variant is not None and variant.message_type is not None and len(fields) > 1 and kind not in fields:
            return variant.message_type
    return descriptor


def _missing_field(name: str, annotation: Any, message: Descriptor, path: str, variant_of: Descriptor) -> set[str]:
    if name == "type":
        kinds = words(annotation)
        unknown = {f"{path}={kind}" for kind in kinds if kind not in variant_of.fields_by_name}
        return {path} if len(kinds) == len(unknown) == 1 else unknown
    field = message.fields_by_name.get(name)
    if field is None:
        return set() if f"{name}_json" in message.fields_by_name else {path}
    return _missing_words(annotation, field, path) | _missing_inside(annotation, field, message, path)


def _missing_words(annotation: Any, field: FieldDescriptor, path: str) -> set[str]:
    """Returns the literals that a typed enum lacks; sets that are strings in the typed messages need no check."""
    enum = field.enum_type
    if enum is None and field.message_type is not None and "mode" in field.message_type.fields_by_name:
        enum = field.message_type.fields_by_name["mode"].enum_type
    known = enum_words(enum) if enum is not None else words(annotation)
    return {f"{path}={word}" for word in words(annotation) if word not in known}


def _missing_inside(annotation: Any, field: FieldDescriptor, message: Descriptor, path: str) -> set[str]:
    objects = [member for member in members(annotation) if is_object(member)]
    if not objects or field.message_type is not None:
        return missing(annotation, field.message_type, f"{path}.") if objects else set()
    parts = message.fields_by_name.get(f"{field.name}_parts")
    if parts is not None:
        return missing(annotation, parts.message_type.fields_by_name["parts"].message_type, f"{path}.")
    inner = {name for member in objects for name in object_fields(member)}
    return {f"{path}.{name}" for name in inner if f"{field.name}_{name}" not in message.fields_by_name}


@pytest.mark.parametrize(
    ("sdk", "typed"),
    [
        (CompletionCreateParams, ChatCompletionRequest),
        (ChatCompletion, ChatCompletionResponse),
        (ChatCompletionChunk, StreamChatCompletionResponse),
        (EmbeddingCreateParams, CreateEmbeddingsRequest),
        (CreateEmbeddingResponse, CreateEmbeddingsResponse),
    ],
    ids=["request", "response", "chunk", "embeddings request", "embeddings response"],
)
def test_the_typed_messages_have_every_field_of_the_sdk(sdk: Any, typed: Any) -> None:
    assert missing(sdk, typed.DESCRIPTOR) == set(LEFT_OUT[typed])


class _Thinking(TypedDict):
    type: Literal["thinking"]
    thinking: str


class _Message(TypedDict):
    role: Literal["user", "critic"]
    content: str | list[_Thinking]
    mood: str


class _Schema(TypedDict):
    name: str
    dialect: str


class _SchemaFormat(TypedDict):
    type: Literal["json_schema"]
    json_schema: _Schema


class _Voice(TypedDict):
    id: str
    pitch: float


class _Audio(TypedDict):
    voice: str | _Voice


class _Request(CompletionCreateParamsBase, total=False):
    messages: list[_Message]
    response_format: ResponseFormat | _SchemaFormat
    tool_choice: Literal["none", "maybe"]
    audio: _Audio
    telepathy: bool


def test_a_new_field_variant_or_word_of_a_request_is_found() -> None:
    found = missing(_Request, ChatCompletionRequest.DESCRIPTOR)

    assert {path for path in found if "breakpoint" not in path} == {
        "telepathy",
        "messages.role=critic",
        "messages.mood",
        "messages.content.type",
        "messages.content.thinking",
        "response_format.json_schema.dialect",
        "tool_choice=maybe",
        "audio.voice.pitch",
    }


class _Score(BaseModel):
    type: Literal["score"]
    value: float


class _Failed(BaseModel):
    type: Literal["error"]
    code: str
    hint: str


class _Moderation(BaseModel):
    input: _Score | _Failed


class _Completion(BaseModel):
    id: str
    moderation: _Moderation
    carbon_grams: float


def test_a_new_field_or_variant_of_a_response_is_found() -> None:
    assert missing(_Completion, ChatCompletionResponse.DESCRIPTOR) == {
        "carbon_grams",
        "moderation.input.type",
        "moderation.input.value",
        "moderation.input.hint",
    }
