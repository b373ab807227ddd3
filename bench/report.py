"""The results: a table for people, `latest.json` for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.bars import bars

LATEST = Path(__file__).with_name("results") / "latest.json"
"""Holds every figure of the last run that was kept."""

PAGES = Path(__file__).parents[1] / "docs"

_FLOOR_KINDS = {
    "unary": "service: a whole answer",
    "stream": "service: a chunk back to back",
    "spaced": "service: a chunk 5 ms after the one before",
    "typed": "service: a typed call",
    "typed_stream": "service: a typed chunk back to back",
    "tls": "service: a whole answer, provider over TLS",
    "auto": "service: a whole answer, model `auto`",
    "fallbacks": "service: a whole answer, two fallback models",
    "agent": "service: an agent's request of 200 KB with tools",
    "keys_10": "service: a whole answer, 10 keys in turn",
    "keys_1000": "service: a whole answer, 1,000 keys in turn",
    "stores": "service: a whole answer, PostgreSQL and Valkey",
    "gateway": "gateway: a whole answer, full load on both",
    "gateway_behind": "gateway: a whole answer, at the service's rate; floor under full load",
}
_MARK = {True: "holds", False: "MISSED", None: "not measured"}
_MICROSECONDS = "_cpu_us"
_START, _END = "<!-- from bench/results/latest.json -->", "<!-- end -->"


def finished(figures: dict[str, Any]) -> dict[str, Any]:
    """Returns the figures with their bars."""
    rows = [{"name": each.name, "value": each.value, "bar": each.bar, "holds": each.holds} for each in bars(figures)]
    return figures | {"bars": rows}


def save(path: Path, document: dict[str, Any]) -> None:
    """Writes a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def keep(document: dict[str, Any]) -> None:
    """Puts a document in the place of `latest.json`, and its tables into the pages."""
    save(LATEST, document)
    write_pages(document)


def keep_floor(figures: dict[str, Any]) -> None:
    """Puts multiples of the floor in the place of those kept so far."""
    kept = json.loads(LATEST.read_text("utf-8"))
    keep(finished({**kept, "floor": {**kept["floor"], **figures}}))


def table(document: dict[str, Any]) -> str:
    """Returns the tables in Markdown: what was compared, what streams cost, the multiples of the floor, the bars."""
    tables = [_compared(document["compared"]), _streams(document)]
    if "floor" in document:
        tables.append(floor_table(document["floor"]))
    if "idle_stream_floor_kb" in document:
        tables.append(_idle(document))
    return "\n\n".join([*tables, _bars(document["bars"])])


def floor_table(floor: dict[str, Any]) -> str:
    """Returns in Markdown what calls and chunks cost as a multiple of their floor."""
    rows = []
    for kind, what in _FLOOR_KINDS.items():
        if kind in floor:
            found = floor[kind]
            threads = ", ".join(f"{name} {value:,.0f}" for name, value in found["threads"].items() if value)
            ratio = f"{found['ratio']:.2f} ({found['least']:.2f}–{found['most']:.2f})"
            rows.append([what, f"{found['floor_us']:,.0f}", f"{found['ours_us']:,.0f}", ratio, threads])
    return _markdown(["CPU µs", "floor", "ARouter", "× floor (least–most)", "ARouter by thread"], rows)


def model_table(document: dict[str, Any]) -> str:
    """Returns the fitted costs in Markdown, in microseconds of processor time."""
    model = document["model"]
    rows = [
        [what, *(f"{model[role][name]:,}" for role in model)]
        for name, what in (
            ("call", "a unary call"),
            ("kilobyte", "each kilobyte of its request"),
            ("chunk", "each chunk of a stream that arrives with others"),
            ("lone_chunk", "each chunk that arrives alone"),
        )
    ]
    for role, found in model.items():
        at_rates = ", ".join(f"{cost:,.0f} at {int(rate):,}/s" for rate, cost in found["at_rates"].items())
        rows.append([f"{role}: a call by rate", *(at_rates if each == role else "" for each in model)])
    return _markdown(["CPU µs", *model], rows)


def write_pages(document: dict[str, Any], folder: Path = PAGES) -> None:
    """Puts the tables into the pages that show them, between their markers."""
    for page, made in (("benchmarks.md", table(document)), ("scaling.md", model_table(document))):
        text = (folder / page).read_text("utf-8")
        before, start, rest = text.partition(_START)
        _, end, after = rest.partition(_END)
        (folder / page).write_text(f"{before}{start}\n{made}\n{end}{after}", "utf-8")


def _compared(compared: dict[str, Any]) -> str:
    ours = compared["ARouter"]["c16"]["per_second"]
    floor = compared["provider"]["c1"]
    rows = []
    for name, found in compared.items():
        c16, c64, c1 = (found[each] for each in ("c16", "c64", "c1"))
        spent = " + ".join(
            f"{role.removesuffix(_MICROSECONDS)} {value / 1000:.2f}"
            for role, value in c16.items()
            if role.endswith(_MICROSECONDS)
        )
        rows.append(
            [
                name,
                f"{c16['per_second']:,.0f} ({c16['least']:,.0f}–{c16['most']:,.0f})",
                f"{ours / c16['per_second']:.2f}",
                f"{c64['per_second']:,.0f}",
                f"{c16['p50_ms']:.2f} / {c16['p99_ms']:.2f}",
                f"{c1['p50_ms'] - floor['p50_ms']:.2f} / {c1['p99_ms'] - floor['p99_ms']:.2f}",
                spent,
                " + ".join(f"{value:.0f}" for value in found["memory_mb"]["after"].values()),
            ]
        )
    head = ["unary calls", "requests/s, 16 connections (least–most)", "ARouter / this", "64 connections"]
    head += [
        "p50 / p99, 16 connections (ms)",
        "added at 1 connection, p50 / p99 (ms)",
        "CPU s for 1,000 requests",
        "MB",
    ]
    return _markdown(head, rows)


def _streams(document: dict[str, Any]) -> str:
    rows = []
    for name, found in document["streams"].items():
        many, single = (document["spaced"][name][each] for each in ("many", "single"))
        back = found["back_to_back"]
        rows.append(
            [
                name,
                f"{back['chunks_per_second']:,.0f}",
                _spent(back),
                f"{found['first']['first_p50_ms']:.2f}",
                f"{many['chunks_per_second']:,.0f}",
                _spent(many),
                f"{single['late_p50_ms']:.2f} / {single['late_p99_ms']:.2f}",
            ]
        )
    head = ["streams of 50 chunks", "chunks/s back to back", "CPU µs a chunk", "first chunk (ms)"]
    return _markdown([*head, "chunks/s 5 ms apart", "CPU µs a chunk", "one stream: late p50 / p99 (ms)"], rows)


def _spent(found: dict[str, Any]) -> str:
    return " + ".join(
        f"{role.removesuffix(_MICROSECONDS)} {value:.0f}"
        for role, value in found.items()
        if role.endswith(_MICROSECONDS) and role != f"client{_MICROSECONDS}"
    )


def _bars(rows: list[dict[str, Any]]) -> str:
    cells = [
        [row["name"], "–" if row["value"] is None else f"{row['value']:,}", f"{row['bar']:,}", _MARK[row["holds"]]]
        for row in rows
    ]
    return _markdown(["bar", "measured", "bar is", ""], cells)


def _idle(document: dict[str, Any]) -> str:
    ours, below = document["idle_stream_kb"]["service"], document["idle_stream_floor_kb"]["service"]
    return (
        f"An idle open stream takes {ours:.0f} KB of the service, {below:.0f} KB of its floor ({ours / below:.2f} ×)."
    )


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
