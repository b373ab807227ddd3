"""The outcome of a run: a row for each case, a column for each protocol, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from matrix.cases import CASES
from matrix.provider import PROTOCOLS

MODES = ("whole", "streamed")


class Cell(NamedTuple):
    """A place in the table."""

    case: str
    protocol: str
    mode: str

    def __str__(self) -> str:
        return "-".join(self)


CELLS = [Cell(case, protocol, mode) for case in CASES for protocol in PROTOCOLS for mode in MODES]


def outcomes(reports: Mapping[str, list[Any]]) -> dict[Cell, str]:
    """Returns what became of the cells, by pytest's reports; those that did not run are not in it."""
    found: dict[Cell, str] = {}
    for name, word in (("passed", "pass"), ("failed", "FAIL"), ("error", "FAIL")):
        for report in reports.get(name, ()):
            found |= {Cell(*cell): word for key, cell in getattr(report, "user_properties", ()) if key == "cell"}
    return found


def lines(found: Mapping[Cell, str]) -> Iterator[str]:
    """Yields the table; `-` is a cell that did not run."""
    columns = [(protocol, mode) for protocol in PROTOCOLS for mode in MODES]
    widths = [max(len(protocol), len(mode)) + 2 for protocol, mode in columns]
    first = max(map(len, CASES)) + 2
    rows = [("", [protocol for protocol, _ in columns]), ("", [mode for _, mode in columns])]
    rows += [(case, [found.get(Cell(case, *column), "-") for column in columns]) for case in CASES]
    for name, row in rows:
        cells = "".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        yield f"{name:<{first}}{cells}".rstrip()
    missing, failed = len(CELLS) - len(found), list(found.values()).count("FAIL")
    yield f"{len(CELLS)} cells: {len(found) - failed} pass, {failed} FAIL, {missing} did not run"
