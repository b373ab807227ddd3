"""How messages of `arouter.v1` and OpenAI's JSON correspond.

The conventions of the protos (see `ChatCompletionRequest` in chat_service.proto) hold for every message:

- A member has the name of its field. Enum values are in lower case, without the prefix of their type.
- A string field `x_json` is the JSON value of the member `x`; `extra_fields_json` and `extra_body` are the members
  without a field.
- A oneof is a union: `{"type": "function", "function": {…}}`. One whose name ends in `_form` is a member with two
  forms, named as its first field: a text, and a list of parts or an object with an id.
- A message whose only field is repeated is the list itself.

The tables have the exceptions, and what the protos do not say. Their names are those of `arouter.v1`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.api.field_behavior_pb2 import REQUIRED, field_behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor

CONSTANTS: dict[str, dict[str, str]] = {
    "ChatCompletionResponse": {"object": "chat.completion"},
    "StreamChatCompletionResponse": {"object": "chat.completion.chunk"},
    "CreateEmbeddingsResponse": {"object": "list"},
    "Embedding": {"object": "embedding"},
    "ModerationResult": {"type": "moderation_result"},
    "Annotation": {"type": "url_citation"},
    "Prediction": {"type": "content"},
    "PromptCacheBreakpoint": {"mode": "explicit"},
    "UserLocation": {"type": "approximate"},
}
"""Members whose value is always the same, and which therefore have no field."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "Choice": {"logprobs": None},
    "Choice.message": {"content": None, "refusal": None},
    "StreamChoice": {"finish_reason": None, "delta": {}},
    "TokenLogprob": {"bytes": None, "top_logprobs": []},
    "TopLogprob": {"bytes": None},
}
"""Members that responses always have, with their values if the field is unset."""

_ALWAYS = frozenset(
    {
        "Audio.id",
        "ChatCompletionResponse.id",
        "ChatCompletionResponse.model",
        "ChatCompletionResponse.choices",
        "StreamChatCompletionResponse.id",
        "StreamChatCompletionResponse.model",
        "StreamChatCompletionResponse.choices",
        "CreateEmbeddingsResponse.data",
        "Choice.finish_reason",
        "Embedding.embedding",
        "FunctionCall.arguments",
        "CustomToolCall.input",
        "TokenLogprob.token",
        "TopLogprob.token",
    }
)
"""Texts and lists that are written even if they are empty, besides those that the protos require."""

BESIDE = {"Audio.expires_at": "data", "Audio.transcript": "data"}
"""Fields that are written, even if empty or 0, only if the other field is set. All other numbers are always written."""

ONCE = frozenset({"id", "name", "expires_at", "transcript"})
"""Members of objects in a delta that only one of several deltas has; left out of the others."""

FLAT = {"ModerationOutcome": ("type", "_"), "Plugin": ("id", "-")}
"""Unions whose tag is among the variant's members: the tag's name, and what its value has in place of `_`."""

UNTAGGED = frozenset({"FunctionCallChoice"})
"""Unions without a `type`."""

IGNORED = {
    "ChatCompletionRequest": frozenset({"stream"}),
    "CreateEmbeddingsRequest": frozenset({"encoding_format"}),
}
"""Members of requests that the typed method decides."""

RESPONSES = frozenset({"ChatCompletionResponse", "StreamChatCompletionResponse", "CreateEmbeddingsResponse"})
"""Messages that providers' JSON is read into, leniently."""

ALIASES = {"reasoning": "reasoning_content"}
"""Names of members in some providers' responses, and the usual ones."""

EXTRA = frozenset({"extra_fields_json", "extra_body"})
"""Fields that hold the members without a field of their own."""

_MEMBERS = {"CreateEmbeddingsRequest.token_input": "input"}
_NOT_JSON = frozenset({"RouteTrace"})  # a header of REST


def name_of(field: FieldDescriptor) -> str:
    """Returns the name that the tables have for a field: `Choice.message`."""
    kind = field.containing_type
    return f"{kind.name}.{field.name}" if kind is not None else field.name


@cache
def member_of(field: FieldDescriptor) -> str | None:
    """Returns the name of a field's member; None if the field is no member by itself."""
    if field.name in EXTRA or (field.message_type is not None and field.message_type.name in _NOT_JSON):
        return None
    if field.containing_oneof is not None and field.containing_oneof.name.endswith("_form"):
        return str(field.containing_oneof.fields[0].name)
    return _MEMBERS.get(name_of(field)) or field.name.removesuffix("_json")


@cache
def fields_of(kind: Descriptor) -> dict[str, list[FieldDescriptor]]:
    """Returns the fields of a message by their members: two if the member has two forms."""
    fields: dict[str, list[FieldDescriptor]] = {}
    for field in kind.fields:
        member = member_of(field)
        if member is not None:
            fields.setdefault(member, []).append(field)
    return fields


@cache
def extra_of(kind: Descriptor) -> str | None:
    """Returns the name of the field for members without a field, if the message has one."""
    return next((field.name for field in kind.fields if field.name in EXTRA), None)


@cache
def is_always_written(field: FieldDescriptor) -> bool:
    """Says whether a field without presence is written even if it is empty, or 0."""
    if name_of(field) in _ALWAYS:
        return True
    if field.is_repeated or field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return REQUIRED in field.GetOptions().Extensions[field_behavior]
    return field.cpp_type != FieldDescriptor.CPPTYPE_ENUM and name_of(field) not in BESIDE


@cache
def is_union(field: FieldDescriptor) -> bool:
    """Says whether a field is a variant of a union."""
    oneof = field.containing_oneof  # of `optional` fields too: a oneof named `_x`
    return oneof is not None and not oneof.name.startswith("_") and not oneof.name.endswith("_form")


@cache
def variants_of(kind: Descriptor) -> tuple[FieldDescriptor, ...]:
    """Returns the variants of a message that is a union."""
    return tuple(field for field in kind.fields if is_union(field))


@cache
def is_list(kind: Descriptor) -> bool:
    """Says whether a message stands for a list."""
    return len(kind.fields) == 1 and kind.fields[0].is_repeated


@cache
def map_value(field: FieldDescriptor) -> FieldDescriptor | None:
    """Returns the field for the values of a map, or None if the field is not a map."""
    kind = field.message_type
    return kind.fields_by_name["value"] if kind is not None and kind.GetOptions().map_entry else None


@cache
def words_of(field: FieldDescriptor) -> dict[int, str]:
    """Returns the words of an enum by their numbers."""
    values = field.enum_type.values if field.enum_type is not None else []
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix).lower() for value in values}
