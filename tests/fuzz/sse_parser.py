"""The parser of server-sent events, against the standard's own words, and with a limit."""

from __future__ import annotations

import re

from arouter.providers.sse import _LINE_BYTES, EventTooLargeError, ServerSentEvent, SseParser
from fuzz.mutation import mutate_bytes as mutate

__all__ = ["SEEDS", "check", "mutate"]

SEEDS = [
    b"data: one\n\ndata: two\n\n",
    b"\xef\xbb\xbfevent: a\r\ndata: 1\r\ndata:2\r\n\r\n: comment\r\rdata\r\r",
    b"id: 1\nretry: 5\nevent: ping\ndata: {}\n\n\n\ndata:  two spaces\n\nevent: none\n\ndata: never ended",
    b"data: x\n\ndata: y\r\n\r\n" * 4,
]
_LIMIT = 64
_SLACK = 16
"""Bytes of a field's name and line endings, which count or not depending on where the stream was cut."""


def check(data: bytes) -> None:
    expected = _reference(data)
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))], *_halves(data)):
        parser = SseParser(1 << 20)
        events = [event for piece in pieces for event in parser.feed(piece)]
        assert events == expected, f"{events} instead of {expected}"
    _check_limit(data)


def _halves(data: bytes) -> list[list[bytes]]:
    step = max(1, len(data) // 16)
    return [[data[:at], data[at:]] for at in range(0, len(data), step)]


def _reference(data: bytes) -> list[ServerSentEvent]:
    """Returns the events by the standard (WHATWG HTML, 9.2.6), of the two fields that count."""
    lines = re.split(rb"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf"))[:-1]
    events: list[ServerSentEvent] = []
    text: list[bytes] = []
    kind = b""
    for line in lines:
        if not line:
            if text:
                events.append(ServerSentEvent(b"\n".join(text), kind))
            text, kind = [], b""
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            text.append(value.removeprefix(b" "))
        elif name == b"event":
            kind = value.removeprefix(b" ")
    return events


def _check_limit(data: bytes) -> None:
    """Fed byte by byte: nothing longer than the limit gets through, and what is much shorter is not refused."""
    parser = SseParser(_LIMIT)
    seen = 0
    try:
        for at in range(len(data)):
            for event in parser.feed(data[at : at + 1]):
                assert len(event.data) <= _LIMIT
                seen += len(event.data)
    except EventTooLargeError:
        blocks = re.split(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n|\n\r|\r\r\n", data)
        # Each line of data costs more than its bytes.
        assert max(len(block) + _LINE_BYTES * block.count(b"data") for block in blocks) > _LIMIT - _SLACK
    assert seen <= len(data)
