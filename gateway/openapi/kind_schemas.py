"""Schemas of what the service validates: the tables of `arouter.chat.types.Kind`, with comments of the protos."""

from __future__ import annotations

import math
from collections.abc import Mapping

from arouter.chat.types import Kind, Shape
from openapi.components import Json, described, nullable
from openapi.descriptors import Api, Field
from openapi.prose import of_rest

_TYPES = {str: "string", bool: "boolean", dict: "object", list: "array", float: "number", int: "integer"}


class Kinds:
    """Builds schemas of parameters. Null is the same as an absent member; unknown members are passed on."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def document(self, kinds: Mapping[str, Kind], required: tuple[str, ...], message: str | None = None) -> Json:
        """Returns the schema of a body.

        Args:
            kinds: The kinds of its members.
            required: The members that it must have.
            message: The name of the message that describes the members, if there is one.
        """
        # Some tables are made of sets, whose order differs from one process to the next.
        names = sorted(kinds, key=lambda name: (name not in required, name))
        schema = self._members(Shape({name: kinds[name] for name in names}, required), message)
        return {"type": "object", **schema, "additionalProperties": True}

    def kind(self, kind: Kind, message: str | None = None) -> Json:
        """Returns the schema of a value that is not null."""
        if kind.words and len(kind.types) > 1:
            others = kind._replace(types=tuple(each for each in kind.types if each is not str), words=())
            return {"anyOf": [{"type": "string", "enum": list(kind.words)}, self.kind(others, message)]}
        names = [_TYPES[each] for each in kind.types]
        if "number" in names:
            names.remove("integer")  # each is a number
        schema: Json = {"type": names[0] if len(names) == 1 else names}
        if kind.filled:
            schema["minLength"] = 1
        if kind.words:
            schema["enum"] = list(kind.words)
        if kind.range is not None:
            low, high, is_open = kind.range
            schema["exclusiveMinimum" if is_open else "minimum"] = low
            if high != math.inf:
                schema["maximum"] = high
        if "array" in names:
            schema["items"] = self.kind(kind.items, message) if kind.items else {}
        if kind.values is not None:
            schema["additionalProperties"] = nullable(self.kind(kind.values))
        if kind.shape is not None:
            schema |= self._members(kind.shape, message)
        return schema

    def _members(self, shape: Shape, message: str | None) -> Json:
        fields = self._api.messages[message].fields if message else {}
        # Which members a `type` has is not expressed: unions of such objects are what code generators fail at.
        known = {name: kind for variant in shape.variants.values() for name, kind in variant.members.items()}
        known |= shape.members
        # Some tables are made from sets, which have another order in each process.
        names = known if message else sorted(known)
        members = {name: self._member(name, known[name], fields, name in shape.required) for name in names}
        schema: Json = {"properties": {name: {} for name in shape.required} | members}
        if shape.required:
            schema["required"] = list(shape.required)
        if shape.closed:
            schema["additionalProperties"] = False
        return schema

    def _member(self, name: str, kind: Kind, fields: Mapping[str, Field], is_required: bool) -> Json:
        field = fields.get(name) or fields.get(f"{name}_json")
        nested = field.type_name if field else ""
        schema = self.kind(kind, nested if nested in self._api.messages else None)
        if field is not None and field.proto.options.deprecated:
            schema["deprecated"] = True
        return described(schema if is_required else nullable(schema), of_rest(field.comment) if field else "")
