"""Reads messages, enums and methods with their comments from a descriptor set with source information."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

PACKAGE = "arouter.v1"

# The field numbers that make up the paths of `SourceCodeInfo` (descriptor.proto).
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_MEMBER = 2

_LINT = re.compile(r"^\s*buf:lint:ignore.*\n?", re.MULTILINE)
_DIRECTION = re.compile(r"^(Required|Optional|Output only)\. ?")


@dataclass(frozen=True)
class Field:
    """A field of a message.

    Attributes:
        proto: Its descriptor.
        comment: What it means, without the words `Required.` and `Optional.`.
        required: Whether a request must have it.
    """

    proto: FieldDescriptorProto
    comment: str
    required: bool

    @property
    def name(self) -> str:
        """Its name."""
        return self.proto.name

    @property
    def is_list(self) -> bool:
        """Whether it is repeated."""
        return self.proto.label == FieldDescriptorProto.LABEL_REPEATED

    @property
    def is_optional(self) -> bool:
        """Whether it is declared `optional`, so that unset differs from zero."""
        return self.proto.proto3_optional

    @property
    def oneof(self) -> int | None:
        """The index of the oneof that the field belongs to."""
        return self.proto.oneof_index if self.proto.HasField("oneof_index") and not self.is_optional else None

    @property
    def type_name(self) -> str:
        """The full name of its message or enum; empty if it is a scalar."""
        return self.proto.type_name.removeprefix(".")


@dataclass(frozen=True)
class Message:
    """A message type.

    Attributes:
        name: Its full name.
        comment: What it means.
        fields: Its fields, by name and in order.
        is_map_entry: Whether it stands for an entry of a map.
    """

    name: str
    comment: str
    fields: Mapping[str, Field]
    is_map_entry: bool


@dataclass(frozen=True)
class Enum:
    """An enum type: the names of its values, and what each means."""

    comment: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Method:
    """A method: what it does, and the types of its messages."""

    comment: str
    request: str
    response: str


@dataclass(frozen=True)
class Api:
    """What a descriptor set contains, by full names.

    Attributes:
        services: The comments of the services.
    """

    messages: Mapping[str, Message]
    enums: Mapping[str, Enum]
    methods: Mapping[str, Method]
    services: Mapping[str, str]


def read_api(descriptor: bytes) -> Api:
    """Reads a serialized `FileDescriptorSet` that has all imports and the source information."""
    messages: dict[str, Message] = {}
    enums: dict[str, Enum] = {}
    methods: dict[str, Method] = {}
    services: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(descriptor).file:
        comments = _comments(file)
        for path, name, message in _nested(file):
            messages[name] = _message(name, message, comments, path)
        for number, enum in enumerate(file.enum_type):
            enums[f"{file.package}.{enum.name}"] = _enum(enum, comments, (_ENUM, number))
        for number, service in enumerate(file.service):
            name = f"{file.package}.{service.name}"
            services[name] = comments.get((_SERVICE, number), "")
            for place, method in enumerate(service.method):
                comment = comments.get((_SERVICE, number, _MEMBER, place), "")
                ends = (method.input_type.removeprefix("."), method.output_type.removeprefix("."))
                methods[f"{name}/{method.name}"] = Method(comment, *ends)
    return Api(messages, enums, methods, services)


def _comments(file: FileDescriptorProto) -> Mapping[Sequence[int], str]:
    found: dict[Sequence[int], str] = {}
    for location in file.source_code_info.location:
        text = _LINT.sub("", location.leading_comments)
        lines = [line.removeprefix(" ").rstrip() for line in text.splitlines()]
        found[tuple(location.path)] = _unwrapped("\n".join(lines).strip())
    return found


def _unwrapped(text: str) -> str:
    """Joins the lines of each paragraph and of each item of a list."""
    return re.sub(r"\n(?!\n|- )(?<!\n\n)", " ", text)


def _nested(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str, DescriptorProto]]:
    pending: list[tuple[tuple[int, ...], str, Any]] = [
        ((_MESSAGE, number), f"{file.package}.{message.name}", message)
        for number, message in enumerate(file.message_type)
    ]
    while pending:
        path, name, message = pending.pop()
        yield path, name, message
        pending += [((*path, 3, at), f"{name}.{each.name}", each) for at, each in enumerate(message.nested_type)]


def _message(
    name: str, message: DescriptorProto, comments: Mapping[Sequence[int], str], path: tuple[int, ...]
) -> Message:
    fields = {}
    for number, proto in enumerate(message.field):
        behavior = proto.options.Extensions[field_behavior_pb2.field_behavior]
        comment = _DIRECTION.sub("", comments.get((*path, _MEMBER, number), ""))
        fields[proto.name] = Field(proto, comment, field_behavior_pb2.REQUIRED in behavior)
    return Message(name, comments.get(path, ""), fields, message.options.map_entry)


def _enum(enum: EnumDescriptorProto, comments: Mapping[Sequence[int], str], path: tuple[int, ...]) -> Enum:
    values = {value.name: comments.get((*path, _MEMBER, number), "") for number, value in enumerate(enum.value)}
    return Enum(comments.get(path, ""), values)
