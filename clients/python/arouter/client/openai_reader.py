"""Reads OpenAI's JSON into messages of `arouter.v1`."""

from __future__ import annotations

import array
import base64
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from arouter.client.openai_rules import (
    ALIASES,
    CONSTANTS,
    FLAT,
    IGNORED,
    RESPONSES,
    extra_of,
    fields_of,
    is_list,
    map_value,
    name_of,
    variants_of,
    words_of,
)
from arouter.v1.chat_message_pb2 import ROLE_ASSISTANT

Kind = TypeVar("Kind", bound=Message)


class ConversionError(ValueError):
    """The JSON has no equivalent as a message. The error text begins with the path of the member."""


def from_openai(kind: type[Kind], document: Mapping[str, Any]) -> Kind:
    """Returns OpenAI's JSON as a message of a type: the counterpart of `to_openai`.

    Members without a field go into `extra_body` or the `extra_fields_json` of their message. In responses, those that
    are null, or have no such place, are dropped. `stream` and `encoding_format` of requests are dropped: the method
    decides them.

    Raises:
        ConversionError: A member has the wrong type; a member of a request has no place in the message.
    """
    into = kind()
    _Reader(lenient=into.DESCRIPTOR.name in RESPONSES).read(into, document, "")
    return into


class _Reader:
    """Reads a document. A lenient reader drops what has no place, as the service does with providers' responses."""

    def __init__(self, *, lenient: bool) -> None:
        self._lenient = lenient

    def read(self, into: Message, value: Any, path: str) -> None:
        kind: Any = into.DESCRIPTOR  # a Descriptor, or upb's
        modes = [field for field in variants_of(kind) if field.enum_type is not None]
        if is_list(kind):
            self._field(into, kind.fields[0], value, path)
        elif modes and isinstance(value, str):
            self._field(into, modes[0], value, path)
        elif not isinstance(value, Mapping):
            raise _wrong("an object", value, path)
        elif kind.name in FLAT:
            self._flat(into, value, path)
        else:
            self._members(into, value, path)

    def _members(self, into: Message, value: Mapping[str, Any], path: str) -> None:
        kind: Any = into.DESCRIPTOR  # a Descriptor, or upb's
        if self._lenient:
            value = _with_usual_names(kind, value)
        variants = variants_of(kind)
        variant = _variant(variants, value)
        if variants and variant is None and extra_of(kind) is None:
            raise ConversionError(f"{path}: has none of {', '.join(field.name for field in variants)}.")
        extra = {}
        for name, item in value.items():
            at = f"{path}.{name}" if path else name
            field = _chosen(kind, name, item)
            if field is not None and (field not in variants or field is variant):
                if item is not None:
                    self._field(into, field, item, at)
            elif not self._is_implied(kind, variant, name, item):
                extra[name] = item
        self._add_extra(into, extra, path)
        if variant is not None and variant.message_type is not None:
            getattr(into, variant.name).SetInParent()

    def _is_implied(self, kind: Descriptor, variant: FieldDescriptor | None, name: str, item: Any) -> bool:
        """Says whether a member needs no field, because the message implies it."""
        if name in IGNORED.get(kind.name, ()) or (name, item) in CONSTANTS.get(kind.name, {}).items():
            return True
        if name != "type" or not variants_of(kind):
            return False
        if self._lenient:
            return item in ["", *(field.name for field in variants_of(kind))]
        return variant is not None and item == variant.name

    def _add_extra(self, into: Message, extra: dict[str, Any], path: str) -> None:
        if self._lenient:
            extra = {name: item for name, item in extra.items() if item is not None}
        name = extra_of(into.DESCRIPTOR)
        if extra and name is not None:
            with _at(path or name):
                setattr(into, name, _text(extra))
        elif extra and not self._lenient:
            raise ConversionError(f"{path}.{next(iter(extra))}: the message has no field for it.")

    def _field(self, into: Message, field: FieldDescriptor, value: Any, path: str) -> None:
        if map_value(field) is not None:
            self._map(getattr(into, field.name), map_value(field), value, path)
        elif field.is_repeated:
            self._list(into, field, value, path)
        elif field.message_type is not None:
            child = getattr(into, field.name)
            child.SetInParent()
            self.read(child, value, path)
            if name_of(field) == "Choice.message" and not child.role:
                child.role = ROLE_ASSISTANT
        else:
            scalar = self._scalar(field, value, path)
            if scalar is not None:
                with _at(path):
                    setattr(into, field.name, scalar)

    def _list(self, into: Message, field: FieldDescriptor, value: Any, path: str) -> None:
        entries = getattr(into, field.name)
        for i, item in enumerate(_entries(field, value, path)):
            if field.message_type is None:
                with _at(f"{path}[{i}]"):
                    entries.append(item)
            elif field.message_type.name != "Annotation" or "url_citation" in item:
                self.read(entries.add(), item, f"{path}[{i}]")

    def _map(self, into: Any, field: FieldDescriptor | None, value: Any, path: str) -> None:
        if not isinstance(value, Mapping):
            raise _wrong("an object", value, path)
        for key, item in value.items():
            if field is not None and field.message_type is not None:
                self.read(into[key], item, f"{path}.{key}")
            elif item is not None or not self._lenient:
                with _at(f"{path}.{key}"):
                    into[key] = item

    def _flat(self, into: Message, value: Mapping[str, Any], path: str) -> None:
        tag, separator = FLAT[into.DESCRIPTOR.name]
        variants = {field.name.replace("_", separator): field for field in variants_of(into.DESCRIPTOR)}
        field = variants.get(value.get(tag, ""))
        if field is None and not self._lenient:
            raise ConversionError(f"{path}.{tag}: {value.get(tag)!r} is not one of {', '.join(variants)}.")
        rest = {name: item for name, item in value.items() if name != tag}
        self._field(into, field or next(iter(variants.values())), rest, path)

    def _scalar(self, field: FieldDescriptor, value: Any, path: str) -> Any:
        if field.enum_type is not None:
            numbers = {word: number for number, word in words_of(field).items() if number}
            if value in numbers:
                return numbers[value]
            if self._lenient:
                return None
            raise ConversionError(f"{path}: {value!r} is not one of {', '.join(numbers)}.")
        if field.type == FieldDescriptor.TYPE_BYTES:
            with _at(path):
                return bytes([*value])
        if field.name.endswith("_json"):
            return _text(value)
        if field.name == "voice_id":
            with _at(path):
                return value["id"]
        return value


def _with_usual_names(kind: Descriptor, value: Mapping[str, Any]) -> Mapping[str, Any]:
    for other, usual in ALIASES.items():
        if usual in fields_of(kind) and (other in value or usual in value):
            rest = {name: item for name, item in value.items() if name != other}
            value = rest | {usual: value.get(usual) or value.get(other) or None}
    return value


def _variant(variants: tuple[FieldDescriptor, ...], value: Mapping[str, Any]) -> FieldDescriptor | None:
    """Returns the variant of a union: the one that the value's `type` names, or else the one whose member it has."""
    for field in variants:
        is_empty = field.message_type is not None and not field.message_type.fields
        if value.get("type") == field.name and (is_empty or value.get(field.name) is not None):
            return field
    return next((field for field in variants if value.get(field.name) is not None), None)


def _chosen(kind: Descriptor, name: str, item: Any) -> FieldDescriptor | None:
    """Returns the field of a member, in the form that the value has."""
    fields = fields_of(kind).get(name)
    if not fields:
        return None
    is_text = isinstance(item, str) or (isinstance(item, list) and bool(item) and isinstance(item[0], str))
    return fields[0] if is_text else fields[-1]


def _entries(field: FieldDescriptor, value: Any, path: str) -> list[Any]:
    """Returns the entries of a list, which OpenAI's JSON has in shorter forms too."""
    if field.name in ("stop", "input") and isinstance(value, str):
        return [value]
    if field.name == "embedding" and isinstance(value, str):
        return _floats(value, path)
    if not isinstance(value, list):
        raise _wrong("a list", value, path)
    is_one_text = field.name == "token_input" and bool(value) and isinstance(value[0], int)
    return [value] if is_one_text else value


def _floats(text: str, path: str) -> list[float]:
    """Returns a vector in base64: 32-bit floats, the low byte first."""
    with _at(path):
        vector = array.array("f", base64.b64decode(text, validate=True))
    if sys.byteorder == "big":
        vector.byteswap()
    return vector.tolist()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Converts what protobuf raises for a value of the wrong type into an error with the path."""
    try:
        yield
    except (TypeError, ValueError, KeyError) as error:
        raise ConversionError(f"{path}: {error}") from error


def _wrong(wanted: str, value: Any, path: str) -> ConversionError:
    return ConversionError(f"{path or 'the document'}: must be {wanted}, not {type(value).__name__}.")
