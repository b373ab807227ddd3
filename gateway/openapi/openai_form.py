"""Schemas of OpenAI's responses, from the typed messages that carry them over gRPC.

The messages follow OpenAI's names with the conventions that `ChatCompletionRequest` documents; these are undone here.
Providers add members, and leave out others: only what every response has is required.
"""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from openapi.components import Components, Json, described, nullable
from openapi.descriptors import Api, Field, Message
from openapi.prose import of_rest
from openapi.proto_schemas import scalar, short_name, words

_TEXT = "_json"
_EXTRA = "extra_fields_json"
_TRACE = "arouter.v1.RouteTrace"
_ANY_TEXT = {"type": ["string", "array"], "items": {"type": "object"}}
_UTF8 = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}

_OBJECT: Mapping[str, Json] = {
    "ChatCompletionResponse": {"const": "chat.completion"},
    "StreamChatCompletionResponse": {"const": "chat.completion.chunk"},
    "CreateEmbeddingsResponse": {"const": "list"},
    "Embedding": {"const": "embedding"},
}
"""The member `object`, which the typed messages do not have."""

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "ChatCompletionResponse": ("id", "object", "created", "model", "choices"),
    "StreamChatCompletionResponse": ("id", "object", "created", "model", "choices"),
    "Choice": ("index", "message", "finish_reason"),
    "StreamChoice": ("index", "delta"),
    "ChatMessage": ("role",),
    "CompletionUsage": ("prompt_tokens", "completion_tokens", "total_tokens"),
    "CreateEmbeddingsResponse": ("object", "data", "model", "usage"),
    "Embedding": ("object", "index", "embedding"),
    "EmbeddingUsage": ("prompt_tokens", "total_tokens"),
    "TokenLogprob": ("token", "logprob"),
    "TopLogprob": ("token", "logprob"),
}
"""The members that OpenAI's reference requires, and every response has."""

_NAMES = {
    "ChatCompletionResponse": "ChatCompletion",
    "StreamChatCompletionResponse": "ChatCompletionChunk",
    "CreateEmbeddingsResponse": "EmbeddingList",
}
"""Names of schemas that differ from those of the messages."""


class OpenAiForm:
    """Builds the schemas of OpenAI's JSON."""

    def __init__(self, api: Api, components: Components) -> None:
        self._api = api
        self._components = components

    def message(self, full: str) -> Json:
        """Returns a reference to the schema of a message."""
        name = short_name(full)
        return self._components.schema(_NAMES.get(name, name), lambda: self._build(self._api.messages[full]))

    def _build(self, message: Message) -> Json:
        name = short_name(message.name)
        required = _REQUIRED.get(name, ())
        members: dict[str, Json] = {"object": {"type": "string", **_OBJECT[name]}} if name in _OBJECT else {}
        fields = message.fields.values()
        # The field of a union is named after the `type` of OpenAI's JSON.
        if any(field.oneof is not None and field.type_name for field in fields) and "content" not in message.fields:
            members["type"] = {"type": "string"}
        for field in fields:
            if field.name == _EXTRA or field.type_name == _TRACE or field.name == "content_parts":
                continue
            is_required = field.name in required and field.name != "finish_reason"
            schema = self._field(field)
            members[field.name.removesuffix(_TEXT)] = schema if is_required else nullable(schema)
        schema = {"type": "object", "description": of_rest(message.comment), "properties": members}
        return schema | ({"required": list(required)} if required else {}) | {"additionalProperties": True}

    def _field(self, field: Field) -> Json:
        text = of_rest(field.comment)
        if field.name.endswith(_TEXT):
            return described({}, text)
        if field.name == "content" and field.oneof is not None:
            return described(_ANY_TEXT, text)
        if field.proto.type == FieldDescriptorProto.TYPE_BYTES:
            return described(_UTF8, text)
        if field.type_name in self._api.enums:
            return described({"type": "string", "enum": list(words(self._api.enums[field.type_name]))}, text)
        if field.name == "embedding":
            return {"type": ["array", "string"], "items": {"type": "number"}, "description": _EMBEDDING}
        message = self._api.messages.get(field.type_name)
        if message is not None and message.is_map_entry:
            return described({"type": "object"}, text)
        schema = scalar(field) or self.message(field.type_name)
        return described({"type": "array", "items": schema} if field.is_list else schema, text)


_EMBEDDING = "The vector; with `encoding_format: base64`, its 32-bit floats, little-endian, in base64."
