from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.chat.usage import Usage, read_usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
COUNTS = ("prompt_tokens", "completion_tokens")
DETAILS = ("prompt_tokens_details", "completion_tokens_details")
PART = st.dictionaries(st.sampled_from(("cached_tokens", "reasoning_tokens", "audio_tokens")), JSON)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}, Usage(11, 7)),
        ({"prompt_tokens": 11}, Usage(prompt_tokens=11)),
        (
            {
                "prompt_tokens": 11,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4, "audio_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 5, "text_tokens": 1},
            },
            Usage(11, 7, 3, 4, 2, 1, 5),
        ),
        ({"cost": 1}, Usage()),
    ],
)
def test_reads_openais_usage(document: Any, expected: Usage) -> None:
    assert read_usage(document) == expected


@pytest.mark.parametrize("document", [None, {}, [], "11", 11, True])
def test_no_object_is_no_usage(document: Any) -> None:
    assert read_usage(document) is None


@pytest.mark.parametrize("count", [None, -1, True, 1.5, "11", [11], {"n": 11}])
def test_a_malformed_count_is_not_said(count: Any) -> None:
    assert read_usage({"prompt_tokens": count, "completion_tokens": 7}) == Usage(completion_tokens=7)
    assert read_usage({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": count}}) == Usage(1)


@pytest.mark.parametrize("details", [None, 3, "x", [{"cached_tokens": 3}]])
def test_malformed_details_are_not_said(details: Any) -> None:
    assert read_usage({"prompt_tokens": 11, **dict.fromkeys(DETAILS, details)}) == Usage(11)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(COUNTS, JSON) | dict.fromkeys(DETAILS, JSON | PART)))
def test_never_raises(document: Any) -> None:
    read = read_usage(document)

    assert read is None or all(type(count) is int and count >= 0 for count in read)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(), {"prompt_tokens": 0, "completion_tokens": 0}),
        (Usage(11, 7), {"prompt_tokens": 11, "completion_tokens": 7}),
        (Usage(11, 7, reasoning_tokens=2), {"prompt_tokens": 11, "completion_tokens": 7, "reasoning_tokens": 2}),
        (Usage(11, 7, 3, 4, 2, 1, 5), Usage(11, 7, 3, 4, 2, 1, 5)._asdict()),
    ],
)
def test_is_logged_without_the_parts_that_are_zero(usage: Usage, expected: dict[str, int]) -> None:
    assert usage.said() == expected


@pytest.mark.parametrize("count", [2**31, 10**19, -1, 1.5, "9", True, None])
def test_what_cannot_be_a_number_of_tokens_is_not_said(count: object) -> None:
    assert read_usage({"prompt_tokens": count, "completion_tokens": 3}) == Usage(0, 3)
