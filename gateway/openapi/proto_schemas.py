"""Schemas of messages as the gateway's transcoder writes them in JSON, and as the management API does.

The transcoder's options (http_filters.yaml) determine the first form: names of the protos, primitive fields always
present, unset optional fields absent. In the second, every field is present, and an unset one is null.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from openapi.components import Components, Json, described, nullable
from openapi.descriptors import Api, Enum, Field, Message
from openapi.prose import of_rest

BODY = "http_body"
"""The field that carries a REST body as it is."""

_UINT32 = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_SCALARS: dict[int, Json] = {
    FieldDescriptorProto.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptorProto.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptorProto.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptorProto.TYPE_UINT32: _UINT32,
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_STRING: {"type": "string"},
}
_WELL_KNOWN: dict[str, Json] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Struct": {"type": "object"},
}
_STRING_LIST = "arouter.v1.StringList"


def short_name(full: str) -> str:
    """Returns the name of a type without its package."""
    return full.rpartition(".")[2]


def scalar(field: Field) -> Json | None:
    """Returns the schema of one value of a field, or None if it is a message or an enum.

    Raises:
        KeyError: Its type is one that the REST API does not use, such as a 64-bit integer, which prints as a string.
    """
    if field.type_name:
        return None
    return dict(_SCALARS[field.proto.type])


class Transcoded:
    """Builds the schemas of transcoded messages."""

    def __init__(self, api: Api, components: Components) -> None:
        self._api = api
        self._components = components

    def message(self, full: str) -> Json:
        """Returns a reference to the schema of a message."""
        return self._components.schema(short_name(full), lambda: self._build(self._api.messages[full]))

    def field(self, field: Field) -> Json:
        """Returns the schema of a field."""
        schema = scalar(field) or _WELL_KNOWN.get(field.type_name) or self.message(field.type_name)
        if field.is_list:
            schema = {"type": "array", "items": schema}
        return described(schema, of_rest(field.comment))

    def _build(self, message: Message) -> Json:
        fields = message.fields.values()
        always = [f.name for f in fields if f.is_list or not (f.type_name or f.is_optional or f.oneof is not None)]
        schema: Json = {"type": "object", "description": of_rest(message.comment)}
        schema["properties"] = {field.name: self.field(field) for field in fields}
        return schema | ({"required": always} if always else {})


class Managed:
    """Builds the schemas of keys and accounts, whose unset fields are null."""

    def __init__(self, api: Api, components: Components) -> None:
        self._api = api
        self._components = components

    def message(self, full: str, **further: Json) -> Json:
        """Returns the schema of a message in responses, where every field is present.

        Args:
            full: Its name.
            further: Members that only its JSON has.
        """
        message = self._api.messages[full]
        members = {name: self.field(field) for name, field in message.fields.items()} | further
        return {
            "type": "object",
            "description": of_rest(message.comment),
            "properties": members,
            "required": list(members),
        }

    def field(self, field: Field) -> Json:
        """Returns the schema of a field."""
        text = of_rest(field.comment)
        kind = field.type_name
        if kind in self._api.enums:
            enum = self._api.enums[kind]
            schema: Json = {"type": "string", "enum": list(words(enum)), "description": _with_words(text, enum)}
            return nullable(schema) if _may_be_unset(enum) else schema
        if kind == _STRING_LIST:
            items = {"type": "array", "items": {"type": "string"}}
            return described(nullable(items), text)
        if kind:
            known = _WELL_KNOWN.get(kind)
            schema = dict(known) if known else self._components.schema(short_name(kind), lambda: self.message(kind))
            return described(nullable(schema), text)
        schema = scalar(field) or {}
        is_null_if_empty = field.is_optional or "empty for" in field.comment
        return described(nullable(schema) if is_null_if_empty else schema, text)


def words(enum: Enum) -> dict[str, str]:
    """Returns the values of an enum as words of JSON (`KEY_TYPE_REGULAR` is `regular`), with their comments."""
    names = list(enum.values)
    prefix = names[0].removesuffix("UNSPECIFIED")
    return {name.removeprefix(prefix).lower(): enum.values[name] for name in names[1:]}


def _may_be_unset(enum: Enum) -> bool:
    """Says whether the zero value means something other than a default."""
    return "Not a type" not in next(iter(enum.values.values()))


def _with_words(text: str, enum: Enum) -> str:
    lines = [f"- `{word}`: {_lower(comment)}" for word, comment in words(enum).items() if comment]
    return "\n".join([text, "", *lines]) if lines else text


def _lower(comment: str) -> str:
    return re.sub(r"^[A-Z](?=[a-z])", lambda found: found[0].lower(), comment)


def is_scalar(field: Field) -> bool:
    """Says whether a field can be a query parameter."""
    return not field.type_name


def required_of(schema: Json) -> list[str]:
    """Returns the members that a schema of an object requires."""
    names: Any = schema.get("required", [])
    return list(names)
