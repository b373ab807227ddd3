"""However the network cuts a recorded answer, the HTTP client and the event parser read the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arouter.providers.http.connection import Connection
from arouter.providers.sse import ServerSentEvent, SseParser
from fuzz.http_response import LOOP, FakeTransport

WIRE = Path(__file__).parents[2] / "wire"
ANSWERS = sorted([*WIRE.glob("*/*/*.wire.*"), *WIRE.glob("reports/*/upstream.*")])
MAX_EVENT_BYTES = 10_000_000
_FRAME = 700
"""Bytes of a chunk of HTTP's: less than most events have, so that they span chunks."""


def of_length(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes) -> bytes:
    parts = [body[at : at + _FRAME] for at in range(0, len(body), _FRAME)]
    frames = b"".join([b"%x\r\n%b\r\n" % (len(part), part) for part in parts])
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + frames + b"0\r\n\r\n"


Framing = Callable[[bytes], bytes]
FRAMINGS: list[Framing] = [of_length, chunked]


def read(pieces: list[bytes]) -> tuple[bytes, list[ServerSentEvent]]:
    """Returns the body and its events, each read as soon as a piece has arrived."""
    released: list[bool] = []
    connection = Connection(LOOP, lambda _, reusable: released.append(reusable), lambda _: None)
    connection.connection_made(FakeTransport())
    response = connection.send(b"", b"")
    parser, body, events = SseParser(MAX_EVENT_BYTES), b"", []
    for piece in pieces:
        connection.data_received(piece)
        while part := response.take(65536):
            body += part
            events += parser.feed(part)
    assert response.at_eof()
    response.close()
    assert released == [True]
    return body, events


def test_there_are_answers_of_every_protocol() -> None:
    assert {path.relative_to(WIRE).parts[0] for path in ANSWERS} == {"anthropic", "gemini", "reports"}


@given(path=st.sampled_from(ANSWERS), framing=st.sampled_from(FRAMINGS), data=st.data())
@settings(max_examples=300, deadline=None)
def test_an_answer_reads_the_same_in_any_pieces(path: Path, framing: Framing, data: st.DataObject) -> None:
    body = path.read_bytes()
    answer = framing(body)
    cuts = data.draw(st.lists(st.integers(1, len(answer) - 1), max_size=8, unique=True))

    pieces = [answer[start:end] for start, end in pairwise([0, *sorted(cuts), len(answer)])]
    assert read(pieces) == (body, SseParser(MAX_EVENT_BYTES).feed(body))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_answer_reads_the_same_byte_by_byte(framing: Framing) -> None:
    for path in ANSWERS:
        body = path.read_bytes()

        received = read([bytes([byte]) for byte in framing(body)])
        assert received == (body, SseParser(MAX_EVENT_BYTES).feed(body)), path


def test_no_more_is_received_while_much_is_unread() -> None:
    connection = Connection(LOOP, lambda *_: None, lambda _: None)
    transport = FakeTransport()
    connection.connection_made(transport)
    response = connection.send(b"", b"")
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")

    connection.data_received(100_000 * b"a")
    assert not transport.is_paused
    connection.data_received(100_000 * b"b")
    assert transport.is_paused
    assert response.take(65536) == 65536 * b"a"
    assert transport.is_paused
    while response.take(65536):
        pass
    assert not transport.is_paused
