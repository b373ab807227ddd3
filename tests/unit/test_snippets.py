"""Every block of code in the documentation is run or checked by a test, or there is a reason why not."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from support.docs import ROOT, blocks
from support.snippets import NOT_RUN, TESTED, untested

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "clients/*/*.md", "tests/*/README.md")
    for path in ROOT.glob(pattern)
)
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_a_fence_is_one_that_tests_find(page: str) -> None:
    """With a language, and not indented."""
    assert len(_FENCE.findall((ROOT / page).read_text("utf-8"))) == 2 * len(blocks(page))


@pytest.mark.parametrize("page", PAGES)
def test_every_block_has_a_test(page: str) -> None:
    there = Counter(kind for kind, text in blocks(page) if not untested(page, text))

    assert {tested.kind: tested.count for tested in TESTED if tested.page == page} == dict(there)


def test_the_tests_name_the_pages_they_run() -> None:
    wrong = [
        tested
        for tested in TESTED
        if not re.search(rf"\b{tested.page.removesuffix('.md').rpartition('/')[2]}\b", _code(tested.test))
    ]

    assert wrong == []


def test_each_exception_is_of_a_block() -> None:
    assert [
        (page, beginning)
        for page, beginning in NOT_RUN
        if [text.startswith(beginning) for _, text in blocks(page)].count(True) != 1
    ] == []


def _code(test: str) -> str:
    return (ROOT / test).read_text("utf-8")
