"""`python -m bench.against_floor`: what ARouter costs as a multiple of its floor, in processor time.

The floor of the service is `bench.floor`, behind the same gateway; that of the gateway is an Envoy that only proxies.
The two of a pair are under load one right after the other, the order changes from pair to pair, and the figure is the
median of the pairs' ratios: what else the machine does meanwhile weighs on both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import phases, report
from bench.load import body, costs, load
from bench.machine import commit
from bench.processes import provider, thread_cpu
from bench.provider import CHUNKS
from bench.targets import Target, arouter, envoy_alone, floor, instant

Figures = dict[str, Any]
Measure = Callable[[Target, int], Figures]

_WARM_UP = 3
"""Seconds."""

_UNITS = {"stream": CHUNKS, "typed_stream": CHUNKS}
"""Chunks of a request, of the kinds whose figures are those of a chunk."""


def main() -> None:
    """Parses the options and runs."""
    parser = argparse.ArgumentParser(prog="python -m bench.against_floor", description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="of each measurement (default: 7)")
    parser.add_argument("--seconds", type=int, default=2, help="of each load (default: 2)")
    parser.add_argument("--kinds", default=",".join(_KINDS), help="which measurements (default: all)")
    parser.add_argument("--keep", action="store_true", help="put the figures into the kept results and the pages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arouter-bench-") as name, ExitStack() as opened:
        folder = Path(name)
        port, _ = opened.enter_context(provider())
        ours = opened.enter_context(arouter(folder / "arouter", port))
        below = opened.enter_context(floor(folder / "floor", port))
        proxy = opened.enter_context(envoy_alone(folder, port))
        gateway = opened.enter_context(instant(folder / "instant"))
        figures = against_floor(ours, below, proxy, gateway, options.pairs, options.seconds, options.kinds.split(","))
    print(report.floor_table(figures))
    if options.keep:
        report.keep_floor(figures)


def against_floor(
    ours: Target, below: Target, proxy: Target, gateway: Target, pairs: int, seconds: int, kinds: Sequence[str] = ()
) -> Figures:
    """Returns what calls and chunks cost with ARouter and with its floor.

    Args:
        ours: ARouter.
        below: What only forwards.
        proxy: An Envoy that only proxies.
        gateway: The gateway before a service that answers at once, as the provider does behind `proxy`: both are under
            full load, since an Envoy's call costs twice as much at a tenth of the rate.
        pairs: How often each of the two is under load.
        seconds: How long.
        kinds: Which measurements; all if empty.

    Returns:
        By kind `floor_us`, `ours_us` (processor time, medians), `ratio` (the median of the pairs'), `least`, `most`,
        and `threads`, which has ours by thread. With the `commit` and the machine's `load` at the time.
    """
    found: Figures = {"commit": commit(), "load": round(os.getloadavg()[0], 1), "pairs": pairs, "seconds": seconds}
    for kind in kinds or _KINDS:
        print(f"  {kind}", flush=True)
        two = {"gateway": (gateway, proxy), "gateway_behind": (ours, proxy)}.get(kind, (ours, below))
        role = "envoy" if kind.startswith("gateway") else "service"
        found[kind] = compared(*two, role, _KINDS[kind], pairs, seconds, _UNITS.get(kind, 1))
    return found


def compared(
    ours: Target, other: Target, role: str, measure: Measure, pairs: int, seconds: int, chunks: int = 1
) -> Figures:
    """Returns the costs of two targets, in alternating pairs, as `against_floor` does for a kind.

    Args:
        ours: The one.
        other: Its floor.
        role: Of their processes whose time counts.
        measure: Puts load on one.
        pairs: How often each is under load.
        seconds: How long.
        chunks: Of a request, if the figures are those of a chunk.
    """
    for target in (ours, other):
        measure(target, _WARM_UP)
    spent: dict[str, list[float]] = {ours.name: [], other.name: []}
    threads: list[dict[str, float]] = []
    for number in range(pairs):
        for target in (ours, other) if number % 2 else (other, ours):
            before = thread_cpu(target.processes[role])
            result = measure(target, seconds)
            units = (result.get("units") or result["requests"]) * chunks
            spent[target.name].append(result[f"{role}_cpu_us"] / chunks)
            if target is ours:
                after = thread_cpu(target.processes[role])
                threads.append({name: (after[name] - before.get(name, 0)) / units * 1e6 for name in after})
    ratios = [mine / theirs for mine, theirs in zip(spent[ours.name], spent[other.name], strict=True)]
    return {
        "floor_us": round(statistics.median(spent[other.name]), 1),
        "ours_us": round(statistics.median(spent[ours.name]), 1),
        "ratio": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
        "threads": {name: round(statistics.median(each[name] for each in threads), 1) for name in threads[0]},
    }


def _unary(target: Target, seconds: int) -> Figures:
    return load(target, 16, seconds, body(target.model))


def _stream(target: Target, seconds: int) -> Figures:
    return load(target, 16, seconds, body(target.model, stream=True))


def _spaced(target: Target, seconds: int) -> Figures:
    data = body(target.model.removesuffix("bench") + "spaced", stream=True)
    with phases.written(data) as file:
        return costs(target, "spaced", target.url, file, phases.SPACED_CONNECTIONS, seconds)


def _typed(target: Target, seconds: int) -> Figures:
    with phases.written(body(target.model)) as file:
        return costs(target, "grpc", target.grpc_port or 0, file, 16, seconds)


def _typed_stream(target: Target, seconds: int) -> Figures:
    with phases.written(body(target.model)) as file:
        return costs(target, "grpc-stream", target.grpc_port or 0, file, 16, seconds)


_KINDS: dict[str, Measure] = {
    "unary": _unary,
    "stream": _stream,
    "spaced": _spaced,
    "typed": _typed,
    "typed_stream": _typed_stream,
    "gateway": _unary,
    "gateway_behind": _unary,
}

if __name__ == "__main__":
    main()
