"""Rejects requests without fields that the protos declare as required with `google.api.field_behavior`.

- A oneof whose fields are all marked is required: one of them must be set. Errors name a oneof called `…_form` by the
  part before the suffix.
- In a message that is accompanied by an `update_mask` nothing is required.
- A required message at the root of a request is the request itself: paths are relative to it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from google.api.field_behavior_pb2 import REQUIRED, field_behavior
from google.protobuf.descriptor import FieldDescriptor, OneofDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from arouter.errors import ARouterError, invalid_request


class Rules:
    """The required fields of a message type, including nested messages.

    Attributes:
        required: The required fields and oneofs. Each has a bit: 1, 2, 4 …
        bits: All bits.
        fields: The fields with rules, by number.
    """

    __slots__ = ("bits", "fields", "required")

    def __init__(self) -> None:
        self.required: list[FieldDescriptor | OneofDescriptor] = []
        self.bits = 0
        self.fields: dict[int, _Field] = {}


class _Field(NamedTuple):
    """A field, its bit if it is required, and the rules of its message type."""

    name: str
    bit: int
    inner: Rules | None
    is_repeated: bool


_known: dict[str, Rules] = {}


def check_required(message: Message, rules: Rules, prefix: str = "", *, is_root: bool = True) -> None:
    """Validates a message. Called for every typed chat, so it calls as few functions as possible.

    Args:
        message: The message.
        rules: The rules of its type.
        prefix: Its path in the request: empty, or a path that ends in a dot.
        is_root: Whether it is the request itself.

    Raises:
        ARouterError: INVALID_REQUEST; `param` is the path of the missing field.
    """
    missing = rules.bits
    fields = rules.fields
    for descriptor, value in message.ListFields():
        if descriptor.number not in fields:
            continue
        name, bit, inner, is_repeated = fields[descriptor.number]
        missing &= ~bit
        if inner is None:
            continue
        if is_repeated:
            for index, entry in enumerate(value):
                check_required(entry, inner, f"{prefix}{name}[{index}].", is_root=False)
        else:
            check_required(value, inner, "" if is_root and bit else f"{prefix}{name}.", is_root=False)
    if missing:
        first = rules.required[(missing & -missing).bit_length() - 1]
        raise _missing(first, prefix, is_root=is_root)


def rules_of(descriptor: Any) -> Rules:
    """Returns the rules of a message type."""
    known = _known.get(descriptor.full_name)
    if known is not None:
        return known
    rules = _known[descriptor.full_name] = Rules()
    bits: dict[int, int] = {}
    for field in descriptor.fields:
        if _is_required(field) and field.containing_oneof is None:
            bits[field.number] = 1 << len(rules.required)
            rules.required.append(field)
    for oneof in descriptor.oneofs:
        if all(map(_is_required, oneof.fields)):
            bits |= dict.fromkeys((field.number for field in oneof.fields), 1 << len(rules.required))
            rules.required.append(oneof)
    rules.bits = (1 << len(rules.required)) - 1
    is_update = any(field.message_type is FieldMask.DESCRIPTOR for field in descriptor.fields)
    for field in descriptor.fields:
        inner = None if is_update or field.message_type is None else rules_of(field.message_type)
        if inner is not None and not inner.fields:
            inner = None
        bit = bits.get(field.number, 0)
        if bit or inner is not None:
            rules.fields[field.number] = _Field(field.name, bit, inner, field.is_repeated)
    return rules


def _missing(what: FieldDescriptor | OneofDescriptor, prefix: str, *, is_root: bool) -> ARouterError:
    """Returns the error for a missing field; for a missing message, it names the message's first required field."""
    if isinstance(what, OneofDescriptor):
        name = what.name.removesuffix("_form")
        path = prefix.removesuffix(".") if name == what.name else f"{prefix}{name}"
        names = ", ".join(field.name for field in what.fields)
        return invalid_request(f"'{path}' is empty. Set one of: {names}.", path)
    inner = None if what.message_type is None or what.is_repeated else rules_of(what.message_type)
    if inner is not None and inner.required:
        return _missing(inner.required[0], "" if is_root else f"{prefix}{what.name}.", is_root=False)
    path = f"{prefix}{what.name}"
    return invalid_request(f"Missing required parameter: '{path}'.", path)


def _is_required(field: FieldDescriptor) -> bool:
    return REQUIRED in field.GetOptions().Extensions[field_behavior]
