"""What docs/routing.md says of `auto` is what the code does: its tables, and its examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from arouter.catalogue.quality import PRICES, SIZES
from arouter.chat.request import parse_chat_request
from arouter.planning.difficulty import (
    BESIDE_SIMPLE,
    BUDGETS,
    COUNTS,
    EFFORTS,
    HARD_FROM,
    MEDIUM_FROM,
    OPENING,
    SIGNS,
    WINDOW,
    ZONE,
    difficulty_of,
)
from arouter.planning.keywords import CUES, SIMPLE
from arouter.planning.requirements import requirements_of
from support.docs import ROOT, blocks
from support.labelled import labelled

PAGE = "docs/routing.md"
HELD_OUT = labelled("held_out")
RIGHT = sum(difficulty_of(case.request, requirements_of(case.request)).level == case.level for case in HELD_OUT)
TEXT = re.sub(r"\s+", " ", (ROOT / PAGE).read_text("utf-8"))
BLOCKS = blocks(PAGE)
EXAMPLES = [
    pytest.param(request, answer, id=answer.split(" ")[0] + str(index))
    for index, ((_, request), (kind, answer)) in enumerate(pairwise(BLOCKS))
    if kind == "difficulty"
]


def rows() -> Iterator[str]:
    """Yields the rows of the tables of points."""
    yield f"| {SIMPLE.name} | {SIMPLE.most:+g} |"
    for cue in CUES:
        yield f"| {cue.name} | {cue.each:+g}{'' if cue.each == cue.most else f' each, {cue.most:+g} at most'} |"
    for name, (_, points) in SIGNS.items():
        yield f"| {name} | {points:+g} |"
    for name, steps in COUNTS.items():
        said = ", ".join(f"{points:+g} from {least:,}" for least, points in steps if points and least)
        under = f"{steps[0][1]:+g} below {steps[1][0]}, " if steps[0][0] == 0 else ""
        yield f"| {name} | {under}{said} |"
    efforts = ", ".join(f"{points:+g} for {name}" for name, points in EFFORTS.items() if points)
    yield f"| reasoning effort | {efforts} |"
    yield f"| completion tokens | {', '.join(f'{points:+g} up to {most}' for most, points in BUDGETS)} |"


@pytest.mark.parametrize("row", list(rows()))
def test_the_table_of_points_is_that_of_the_code(row: str) -> None:
    what, points = row.strip("| ").split(" | ")

    assert re.search(rf"\| {re.escape(what)} \| [^|]+ \| {re.escape(points)} \|", TEXT), row


@pytest.mark.parametrize(
    "said",
    [
        f"below {MEDIUM_FROM:g} is easy, below {HARD_FROM:g} is medium, the rest is hard",
        f"first and last {WINDOW:,} characters",
        f"first and last {ZONE} characters",
        f"first or last {OPENING} characters",
        f"count {BESIDE_SIMPLE:g} of their points",
        f"below {SIZES[0][0]:g} billion is economy, below {SIZES[1][0]:g} standard",
        f"below {PRICES[0][0]:g} USD per million is economy, below {PRICES[1][0]:g} standard",
        f"{len(labelled('requests'))} requests",
        f"On {len(HELD_OUT)} further requests",
        f"they reproduce {RIGHT} ({RIGHT / len(HELD_OUT):.0%})".replace("%", " %"),
    ],
)
def test_the_numbers_in_the_text_are_those_of_the_code(said: str) -> None:
    assert said in TEXT


@pytest.mark.parametrize(("request_", "answer"), EXAMPLES)
def test_an_example_is_judged_as_shown(request_: str, answer: str) -> None:
    request = parse_chat_request(json.dumps({"model": "auto", **json.loads(request_)}).encode())
    found = difficulty_of(request, requirements_of(request))

    assert f"{found.level} {found.score:g}: {', '.join(found.reasons)}\n" == answer


def test_there_are_examples_of_every_level() -> None:
    assert len(EXAMPLES) >= 6
    assert {answer.split(" ")[0] for _, answer in (example.values for example in EXAMPLES)} == {
        "easy",
        "medium",
        "hard",
    }
