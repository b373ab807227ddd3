"""What calls cost, as a formula fitted to what was measured."""

from __future__ import annotations

from typing import Any, NamedTuple

from scipy import stats

from bench.provider import CHUNKS

ROLES = ("service", "envoy")


class Costs(NamedTuple):
    """Processor time, in microseconds.

    Attributes:
        call: Of a whole answer to a small request.
        kilobyte: More, for each kilobyte of the request.
        fit: The share of the differences between bodies that the two explain (R²).
        chunk: More, for each chunk of a stream that arrives with others.
        lone_chunk: The same for one that arrives alone.
        at_rates: Of a whole answer, by requests a second.
    """

    call: float
    kilobyte: float
    fit: float
    chunk: float
    lone_chunk: float
    at_rates: dict[str, float]


def fitted(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the costs of service and gateway, by role.

    A line through bodies of several sizes gives `kilobyte`; the small body's own cost is `call`, which that line would
    get wrong by the noise of the large ones. Chunks are what a stream takes beyond a whole answer.
    """
    return {role: _costs(figures, f"{role}_cpu_us")._asdict() for role in ROLES}


def _costs(figures: dict[str, Any], name: str) -> Costs:
    bodies = {float(size): found[name] for size, found in figures["bodies"].items()}
    line = stats.linregress(list(bodies), list(bodies.values()))
    loads = figures["compared"]["ARouter"]
    call = loads["c16"][name]
    back_to_back = figures["streams"]["ARouter"]["back_to_back"][name]
    lone = figures["spaced"]["ARouter"]["many"][name]
    return Costs(
        call=call,
        kilobyte=round(line.slope, 2),
        fit=round(line.rvalue**2, 3),
        chunk=round(back_to_back - call / CHUNKS, 1),
        lone_chunk=round(lone - call / CHUNKS, 1),
        at_rates={f"{each['per_second']:.0f}": each[name] for each in (loads["c1"], loads["c16"], loads["c64"])},
    )
