"""The bars of the benchmark: what is missed says so, and what was not measured is never held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.bars import Bar, bars

MEASURED: dict[str, Any] = {
    "compared": {
        "provider": {"c16": {"per_second": 50_000}, "c1": {"p50_ms": 0.1, "p99_ms": 0.2}},
        "ARouter": {
            "c16": {"per_second": 1000, "service_cpu_us": 900},
            "c1": {"p50_ms": 1.3, "p99_ms": 4.5},
            "memory_mb": {"after": {"service": 100}},
        },
        "LiteLLM": {"c16": {"per_second": 20}},
        "Portkey": {"c16": {"per_second": 600}},
    },
    "bodies": {"0.5": {"service_cpu_us": 900}, "64": {"service_cpu_us": 1350}},
}


def named(document: dict[str, Any]) -> dict[str, Bar]:
    return {bar.name: bar for bar in bars(document)}


@pytest.mark.parametrize(
    ("name", "value", "holds"),
    [
        ("throughput at 16 connections / LiteLLM", 50, True),
        ("throughput at 16 connections / LiteLLM, moonshot", 50, True),
        ("throughput at 16 connections / Portkey", 1.667, False),
        ("throughput at 16 connections / Portkey, moonshot", 1.667, False),
        ("throughput at 16 connections / vllm-router", None, None),
        ("added latency at 1 connection, p50 (ms)", 1.2, False),
        ("added latency at 1 connection, p99 (ms)", 4.3, False),
        ("service, CPU of a unary call (µs)", 900, False),
        ("service, CPU of a 64 KB body / a small one", 1.5, True),
        ("memory of a worker after the run (MB)", 100, True),
        ("memory, growth in 1,000 requests of the soak (KB)", None, None),
    ],
)
def test_a_bar_holds_or_not_or_is_not_measured(name: str, value: float | None, holds: bool | None) -> None:
    bar = named(MEASURED)[name]

    assert (bar.value, bar.holds) == (value, holds)


def test_without_a_run_no_bar_holds() -> None:
    assert {bar.holds for bar in bars({})} == {None}


def test_the_kept_results_have_their_bars() -> None:
    kept = json.loads(report.LATEST.read_text("utf-8"))

    assert report.finished({name: value for name, value in kept.items() if name != "bars"}) == kept


def test_the_pages_show_the_kept_results(tmp_path: Path) -> None:
    for page in report.PAGES.glob("*.md"):
        (tmp_path / page.name).write_bytes(page.read_bytes())

    report.write_pages(json.loads(report.LATEST.read_text("utf-8")), tmp_path)

    for page in report.PAGES.glob("*.md"):
        assert (tmp_path / page.name).read_bytes() == page.read_bytes()
