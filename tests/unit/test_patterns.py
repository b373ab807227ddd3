"""Lists of models match what a shell's patterns would, in which only `*` is special."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arouter.accounts.keys import AuthenticatedKey
from arouter.patterns import MAX_INNER, MAX_STARS, ModelPatterns, Patterns, too_costly

TEXTS = st.text("ab/.*?[]!\n", max_size=12)
LISTS = st.lists(TEXTS, max_size=8)


def as_a_shell(patterns: list[str], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, re.sub(r"([?\[])", r"[\1]", pattern)) for pattern in patterns)


@given(LISTS, TEXTS)
@example(["a*", "ab*", "abc*"], "abd")
@example(["a*b*c"], "abc")
@example(["ab*ba"], "aba")
@example(["a*a"], "a")
@example(["*b*b*"], "ab")
@example(["**"], "")
@example([""], "")
def test_patterns_match_as_in_a_shell(patterns: list[str], text: str) -> None:
    """Whatever characters there are: all but `*` are themselves."""
    assert Patterns(patterns).match(text) == as_a_shell(patterns, text)


@given(LISTS, TEXTS)
@example(["b/c"], "a/b/c")
@example(["c"], "a/b/c")
@example(["b*"], "a/b/c")
@example(["b*c"], "a/b/c")
@example(["*"], "a")
def test_a_bare_pattern_is_of_any_provider(patterns: list[str], id_: str) -> None:
    """A pattern without a slash is one of names, whatever is before their slash."""
    assert ModelPatterns(patterns).match(id_) == as_a_shell(
        [pattern if "/" in pattern else f"*/{pattern}" for pattern in patterns], id_
    )


@pytest.mark.parametrize(
    ("patterns", "refused"),
    [
        (["a", "a/b", "a/*", "a**", *(f"m{index}*" for index in range(1000))], False),
        (["*a" * MAX_STARS] * MAX_INNER, False),
        (["*a"] * (MAX_INNER + 1), True),
        (["*a" * (MAX_STARS + 1)], True),
        (["a" + "*" * (MAX_STARS + 1)], True),
    ],
    ids=["prefixes", "most", "inner", "stars", "stars at the end"],
)
def test_what_takes_time_is_limited(patterns: list[str], refused: bool) -> None:
    """Exact names and prefixes are as many as one likes."""
    assert (too_costly(patterns) is not None) == refused


def test_keys_that_were_stored_with_more_still_work() -> None:
    """The limits are for what clients send now; a thousand patterns that backtrack do not stop a process."""
    key = AuthenticatedKey(
        "hash", "account", models=(*("a*" * 125 + f"{index:04}" for index in range(1000)), "*c*" * 10)
    )

    assert key.refusal("emu", f"emu/{'a' * 125}0007") is None
    assert key.refusal("emu", f"emu/{'c' * 10}") is None
    assert key.refusal("emu", f"emu/{'a' * 125}7777") is not None
