"""`python -m bench.soak`: half an hour of mixed traffic, and whether memory grows with it.

Memory comes from the system in steps, so a line through all of it says little. What is looked at is the time after the
warm-up; the slope is the median of the slopes between all pairs of samples (Theil–Sen), which a few steps do not move,
with its 95 % confidence interval.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil
import uvloop
from scipy import stats

from bench import machine, report
from bench.load import body
from bench.processes import memory, provider
from bench.targets import Target, arouter

WARM_UP = 0.25
"""The share of the time in which caches fill and allocators find their size."""

_SAMPLE = 5.0
"""Seconds."""

_MODEL = "bench/bench"
_KEPT = report.LATEST.with_name("soak.json")


class Sample(NamedTuple):
    """One look.

    Attributes:
        second: Since the beginning.
        requests: Answered until then.
        service_mb: Resident.
        envoy_mb: Resident.
        files: That the service has open.
    """

    second: float
    requests: int
    service_mb: float
    envoy_mb: float
    files: int


class Traffic:
    """What clients do, at random but with the same seed.

    Attributes:
        answered: By kind.
    """

    def __init__(self, target: Target, rate: float) -> None:
        self.answered: Counter[str] = Counter()
        self._target = target
        self._rate = rate
        self._random = random.Random(7)
        self._kinds = {
            "whole": (50, body(_MODEL)),
            "stream": (25, body(_MODEL, stream=True)),
            "64 KB": (5, body(_MODEL, size=64 * 1024)),
            "client leaves": (5, body("bench/spaced", stream=True)),
            "no such model": (3, body("bench/nothing")),
            "no JSON": (3, b'{"model": '),
            "no key": (3, body(_MODEL)),
            "list": (6, b""),
        }

    async def run(self, seconds: float) -> None:
        """Asks at the given rate, whether or not answers keep up."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            started = time.monotonic()
            asked = 0
            while (elapsed := time.monotonic() - started) < seconds:
                while asked < elapsed * self._rate:
                    asked += 1
                    kinds, shares = zip(*((kind, share) for kind, (share, _) in self._kinds.items()), strict=True)
                    group.create_task(self._ask(session, self._random.choices(kinds, shares)[0]))
                await asyncio.sleep(0.01)

    async def _ask(self, session: aiohttp.ClientSession, kind: str) -> None:
        headers = {} if kind == "no key" else dict(self._target.headers)
        headers |= {"content-type": "application/json", "x-title": f"{self._random.random()}"}
        if kind == "list":
            async with session.get(f"{self._target.base_url}/models", headers=headers) as answer:
                await answer.read()
        else:
            async with session.post(self._target.url, data=self._kinds[kind][1], headers=headers) as answer:
                if kind == "client leaves":
                    await answer.content.readany()
                else:
                    await answer.read()
        self.answered[f"{kind}: {answer.status}"] += 1


async def soak(target: Target, seconds: float, rate: float) -> tuple[list[Sample], Counter[str]]:
    """Runs traffic and looks at memory meanwhile."""
    traffic = Traffic(target, rate)
    running = asyncio.create_task(traffic.run(seconds))
    (service,) = target.processes["service"]
    started, samples = time.monotonic(), []
    while not running.done():
        samples.append(
            Sample(
                round(time.monotonic() - started, 1),
                traffic.answered.total(),
                memory([service]),
                memory(target.processes["envoy"]),
                _files(service),
            )
        )
        await asyncio.wait({running}, timeout=_SAMPLE)
    await running
    return samples, traffic.answered


def growth(samples: list[Sample]) -> dict[str, Any]:
    """Returns the growth of the service's memory after the warm-up, in KB for 1,000 requests, with its interval."""
    warm = [each for each in samples if each.second >= samples[-1].second * WARM_UP]
    thousands = [each.requests / 1000 for each in warm]
    slopes = stats.theilslopes([each.service_mb * 1000 for each in warm], thousands, 0.95)
    return {
        "kb_per_1000_requests": round(float(slopes.slope), 3),
        "interval": [round(float(slopes.low_slope), 3), round(float(slopes.high_slope), 3)],
        "thousand_requests": round(thousands[-1] - thousands[0], 1),
        "service_mb": {"first": round(warm[0].service_mb, 1), "last": round(warm[-1].service_mb, 1)},
    }


def main() -> None:
    """Parses the options and runs."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="(default: 30)")
    parser.add_argument("--rate", type=float, default=250, help="requests a second (default: 250)")
    parser.add_argument("--out", type=Path, default=_KEPT)
    options = parser.parse_args()
    about = machine.description()
    with (
        tempfile.TemporaryDirectory(prefix="arouter-bench-") as folder,
        provider() as (port, _),
        arouter(Path(folder) / "arouter", port) as target,
    ):
        samples, answered = uvloop.run(soak(target, options.minutes * 60, options.rate))
    result = {"machine": about, "minutes": options.minutes, "rate": options.rate, **growth(samples)}
    result |= {"answered": dict(sorted(answered.items())), "samples": [list(each) for each in samples]}
    report.save(options.out, result)
    if options.out == _KEPT:
        latest = json.loads(report.LATEST.read_text("utf-8"))
        report.keep(report.finished({**latest, "soak": result}))
    print(json.dumps({name: value for name, value in result.items() if name != "samples"}, indent=2))
    from bench.plots import plot_soak

    print("drawn:", plot_soak(samples, options.out.with_suffix(".png")))


def _files(process: psutil.Process) -> int:
    return sum(each.num_fds() for each in (process, *process.children(recursive=True)))


if __name__ == "__main__":
    main()
