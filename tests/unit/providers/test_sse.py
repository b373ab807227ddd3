"""The byte-level event parser."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.providers.sse import EventTooLargeError, ServerSentEvent, SseParser

STREAM = (
    b": a comment\n\n"
    b"data: one\n\n"
    b"data:two\r\n\r\n"
    b"event: named\ndata: three\ndata:  four\n\n"
    b"id: 7\nretry: 10\n\n"
    b"data\r\r"
    b"data: gr\xc3\xbc\xc3\x9fe \xf0\x9f\x99\x82\n\n"
    b"data: not ended\n"
)
EVENTS = [
    ServerSentEvent(b"one"),
    ServerSentEvent(b"two"),
    ServerSentEvent(b"three\n four", b"named"),
    ServerSentEvent(b""),
    ServerSentEvent("grüße 🙂".encode()),
]


def parse(parts: list[bytes], limit: int = 1000) -> list[ServerSentEvent]:
    parser = SseParser(limit)
    return [event for part in parts for event in parser.feed(part)]


def test_reads_every_line_ending_comment_and_field() -> None:
    assert parse([STREAM]) == EVENTS


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_gives_the_same_wherever_the_network_cuts(cut: int) -> None:
    assert parse([STREAM[:cut], STREAM[cut:]]) == EVENTS


def test_gives_the_same_byte_by_byte() -> None:
    assert parse([bytes([byte]) for byte in STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_gives_the_same_in_any_pieces(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]

    assert parse([STREAM[start:end] for start, end in pairwise(edges)]) == EVENTS


@pytest.mark.parametrize("parts", [[b"\xef\xbb\xbfdata: x\n\n"], [b"\xef", b"\xbb\xbfda", b"ta: x\n\n"]])
def test_skips_a_byte_order_mark(parts: list[bytes]) -> None:
    assert parse(parts) == [ServerSentEvent(b"x")]


@pytest.mark.parametrize(
    "parts",
    [
        [b"data: " + b"x" * 101 + b"\n\n"],
        [b"data: "] + [b"x"] * 101,
        [b"data: xxxxxxxxxx\n"] * 11,
        [b": " + b"x" * 101],
        [b"data:\n"] * 101,
    ],
    ids=["one line", "a line without end", "many lines", "a comment without end", "empty lines"],
)
def test_does_not_keep_more_than_its_limit(parts: list[bytes]) -> None:
    with pytest.raises(EventTooLargeError):
        parse(parts, limit=100)


def test_takes_an_event_of_its_limit() -> None:
    assert parse([b"data: " + b"x" * 94 + b"\n\n"] * 2, limit=100) == [ServerSentEvent(b"x" * 94)] * 2
