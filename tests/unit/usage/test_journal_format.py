"""The format of a journal: whatever was cut off or damaged, what is before it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.chat.usage import Usage
from arouter.usage import journal_format as frames
from arouter.usage.journal_format import Header, decode, encode_header, encode_records

from .conftest import record

HEADER = encode_header("sqlite")
CALLS = [[record(1)], [record(2), record(2)._replace(attempt=2, usage=Usage(1, 2, 3, 4, 5, 6, 7))], [record(3)]]
FRAMES = [encode_records(call) for call in CALLS]
WHOLE = HEADER + b"".join(FRAMES)


def test_records_come_back_as_they_were() -> None:
    contents = decode(WHOLE)

    assert contents.header == Header(frames.FORMAT, "sqlite")
    assert contents.records == [record for call in CALLS for record in call]
    assert (contents.unread, contents.damaged) == (0, False)


@given(st.integers(0, len(WHOLE)))
def test_a_cut_costs_the_frame_that_it_cuts(length: int) -> None:
    contents = decode(WHOLE[:length])

    ends = [len(HEADER) + sum(map(len, FRAMES[:count])) for count in range(len(FRAMES) + 1)]
    whole = [call for call, end in zip(CALLS, ends[1:], strict=True) if end <= length]
    assert contents.records == [record for call in whole for record in call]
    assert contents.unread == length - max((end for end in ends if end <= length), default=0)
    assert not contents.damaged


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_read_as_a_record(position: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[position] ^= change

    contents = decode(bytes(data))

    every = [record for call in CALLS for record in call]
    assert contents.records == every[: len(contents.records)]
    assert len(contents.records) < len(every)


@given(st.binary(max_size=200))
def test_anything_can_be_read(data: bytes) -> None:
    assert decode(data).records == []
    assert decode(HEADER + data).records == []


def test_zeros_at_the_end_are_no_damage() -> None:
    contents = decode(WHOLE + bytes(4096))

    assert (len(contents.records), contents.unread, contents.damaged) == (4, 4096, False)


def test_another_format_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FORMAT", 2)
    newer = encode_header("sqlite") + FRAMES[0]
    monkeypatch.undo()

    assert decode(newer).header == Header(2, "sqlite")
    assert decode(newer).records == []
