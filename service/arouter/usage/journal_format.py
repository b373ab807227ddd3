"""The format of a journal file. Pure.

A file is a sequence of frames: length and CRC-32 of the payload (two little-endian 32-bit integers), then the payload,
which is JSON. The first frame is the header; each of the others holds the records of one call. If the process is
killed, the last frame may be incomplete.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from arouter.usage.record import UsageRecord

FORMAT = 1
"""Version of the format. It is increased when older releases would misread new records."""

_PREFIX = struct.Struct("<II")
_MAX_LENGTH = 1 << 20
"""Maximum size of a payload in bytes; a larger length means that the file is damaged."""

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
    """The contents of a file.

    Attributes:
        header: The header; None if it is missing or incomplete, and then there are no records.
        records: The records in the order in which they were written.
        unread: Bytes after the last frame that could be read.
        damaged: Whether the unread bytes are more than an incomplete last frame.
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
    """Returns a frame with the records of one call.

    Raises:
        ValueError: A text contains a lone surrogate.
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
            # A crash of the machine may leave zeros at the end of the file.
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
