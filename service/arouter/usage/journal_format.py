"""The format of a journal file. Pure.

A file is a sequence of frames: length and CRC-32 of the payload (two little-endian 32-bit integers), then the payload,
which is JSON. The first frame is the header; each of the others holds the records of one call. A process that is killed
can leave an incomplete frame behind, which is always the last one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from arouter.usage.record import UsageRecord

FORMAT = 1
"""Raised by a release whose records an older one would read wrongly."""

_PREFIX = struct.Struct("<II")
_MAX_LENGTH = 1 << 20
"""Bytes of a payload; a length above that is damage."""

_encoder = msgspec.json.Encoder()


class Header(msgspec.Struct, frozen=True):
    """The first frame of a file.

    Attributes:
        format: See `FORMAT`.
        database: The database that the records are meant for.
    """

    format: int
    database: str


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
        header: None if it is missing or incomplete. There are no records then.
        records: In the order in which they were written.
        unread: Bytes after the last frame that could be read.
        damaged: Whether those are more than one incomplete frame at the end.
    """

    header: Header | None
    records: list[UsageRecord]
    unread: int
    damaged: bool


_header_decoder = msgspec.json.Decoder(Header)
_records_decoder = msgspec.json.Decoder(list[UsageRecord])


def encode_header(database: str) -> bytes:
    """Returns the first frame of a file."""
    return _frame(_encoder.encode(Header(FORMAT, database)))


def encode_records(records: Sequence[UsageRecord]) -> bytes:
    """Returns a frame.

    Raises:
        ValueError: A text holds a lone surrogate.
        OverflowError: A number does not fit into 64 bits.
    """
    return _frame(_encoder.encode(records))


def decode(data: bytes) -> Contents:
    """Reads a file up to the first frame that is incomplete or damaged. Records of another format are not read."""
    header: Header | None = None
    records: list[UsageRecord] = []
    position, damaged = 0, False
    while len(data) - position >= _PREFIX.size:
        length, checksum = _PREFIX.unpack_from(data, position)
        start = position + _PREFIX.size
        payload = data[start : start + length]
        if length == 0 or length > _MAX_LENGTH:
            # A machine that crashed may leave zeros where nothing was written yet.
            damaged = any(data[position:])
            break
        if len(payload) < length:
            break
        if crc32(payload) != checksum:
            damaged = True
            break
        try:
            if header is None:
                header = _header_decoder.decode(payload)
                if header.format != FORMAT:
                    return Contents(header, [], 0, damaged=False)
            else:
                records += _records_decoder.decode(payload)
        except msgspec.DecodeError:
            damaged = True
            break
        position = start + length
    return Contents(header, records, len(data) - position, damaged)


def _frame(payload: bytes) -> bytes:
    return _PREFIX.pack(len(payload), crc32(payload)) + payload
