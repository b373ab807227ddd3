"""Limits the number of fields of a protobuf message before any object is built. Pure.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from contextlib import suppress

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from arouter.chat.json_bounds import count_values
from arouter.errors import invalid_request

MAX_FIELDS = 100_000
"""Maximum number of fields, including those of submessages and the values in JSON texts. A submessage becomes an object
of 350 bytes, but an empty one takes two bytes on the wire."""

_MAX_DEPTH = 100
"""Maximum depth of submessages; protobuf's own limit."""

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_VARINT_BITS = 70
_JSON = ("_json", "extra_body")

_Submessages = dict[int, "Descriptor | None"]
_seen: dict[str, _Submessages] = {}


def check_fields(data: bytes, descriptor: Descriptor) -> None:
    """Checks the number of fields of a message in wire format.

    Raises:
        ARouterError: INVALID_REQUEST if there are more than `MAX_FIELDS`.
    """
    if len(data) > MAX_FIELDS and count_fields(data, descriptor) > MAX_FIELDS:
        raise invalid_request(f"The request message has more than {MAX_FIELDS} fields.")


def count_fields(data: bytes, descriptor: Descriptor) -> int:
    """Returns the number of fields of a message, or a number above `MAX_FIELDS` if it has more.

    A malformed message is counted at least up to its first error, which is as far as a parser builds objects.
    """
    counter = _Counter(data)
    with suppress(IndexError):
        counter.walk(0, len(data), descriptor, _MAX_DEPTH)
    return min(counter.fields, MAX_FIELDS + 1)


class _Counter:
    """Counts the fields of one message.

    Attributes:
        fields: The number of fields so far.
    """

    __slots__ = ("_data", "fields")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.fields = 0

    def walk(self, at: int, end: int, descriptor: Descriptor, depth: int) -> None:
        """Counts the fields between two offsets.

        Raises:
            IndexError: The message ends inside a field.
        """
        data, nested = self._data, _nested(descriptor)
        while at < end and self.fields <= MAX_FIELDS:
            self.fields += 1
            tag, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
            kind = tag & 7
            if kind == _LEN:
                size, at = (data[at], at + 1) if data[at] < 0x80 else _varint(data, at)
                stop = min(at + size, end)
                number = tag >> 3
                if stop > at and number in nested:
                    inner = nested[number]
                    if inner is None:
                        self.fields += count_values(data[at:stop])
                    elif depth:
                        self.walk(at, stop, inner, depth - 1)
                at = stop
            elif kind == _VARINT:
                _, at = _varint(data, at)
            elif kind == _I64:
                at += 8
            elif kind == _I32:
                at += 4
            # Otherwise a group delimiter, which none of our messages has; its contents are counted as well.


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Returns the number at an offset, and the offset after it."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift == _VARINT_BITS:
            return value, at


def _nested(descriptor: Descriptor) -> _Submessages:
    """Returns the field numbers of submessages, with their types, and those of JSON texts."""
    found = _seen.get(descriptor.full_name)
    if found is None:
        found = _seen[descriptor.full_name] = {
            field.number: field.message_type for field in descriptor.fields if field.message_type or _is_json(field)
        }
    return found


def _is_json(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and field.name.endswith(_JSON)
