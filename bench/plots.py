"""The results as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREY = "#2b6cb0", "#dd6b20", "#a0aec0"


def plot(document: dict[str, Any], folder: Path) -> list[Path]:
    """Draws a file for each picture and returns them."""
    compared = document["compared"]
    routers = {name: found for name, found in compared.items() if name != "provider"}
    drawn = {
        "throughput": _bars(
            "Unary calls: requests/s at 16 connections",
            {name: found["c16"]["per_second"] for name, found in routers.items()},
            logarithmic=True,
        ),
        "latency": _latency(compared, routers),
        "cpu": _cpu(routers),
        "bodies": _bodies(document["bodies"]),
    }
    paths = []
    for name, figure in drawn.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=90)
    return paths


def plot_soak(samples: Sequence[Sequence[float]], path: Path) -> Path:
    """Draws the memory of service and gateway (third and fourth of a sample) against the requests (second)."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot()
    requests = [sample[1] / 1000 for sample in samples]
    for place, role, colour in ((2, "service", _BLUE), (3, "envoy", _ORANGE)):
        axes.plot(requests, [sample[place] for sample in samples], color=colour, label=role)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("thousand requests")
    axes.set_title("Resident memory under mixed traffic (MB)", fontsize=11)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=90)
    return path


def _bars(title: str, values: dict[str, float], *, logarithmic: bool = False) -> Figure:
    figure = Figure(figsize=(7, 0.5 * len(values) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    names = list(values)[::-1]
    colours = [_BLUE if name == "ARouter" else _GREY for name in names]
    drawn = axes.barh(names, [values[name] for name in names], color=colours)
    axes.bar_label(drawn, fmt="{:,.0f}", padding=4)
    axes.set_title(title, fontsize=11)
    axes.margins(x=0.15)
    if logarithmic:
        axes.set_xscale("log")
    return figure


def _latency(compared: dict[str, Any], routers: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(7, 0.6 * len(routers) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    names = list(routers)[::-1]
    for offset, share, colour in ((0.2, 50, _BLUE), (-0.2, 99, _ORANGE)):
        added = [
            max(compared[name]["c1"][f"p{share}_ms"] - compared["provider"]["c1"][f"p{share}_ms"], 0.001)
            for name in names
        ]
        places = [number + offset for number in range(len(names))]
        drawn = axes.barh(places, added, height=0.38, color=colour, label=f"p{share}")
        axes.bar_label(drawn, fmt="{:.2f}", padding=4, fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_title("Added latency at one connection (ms)", fontsize=11)
    axes.legend(fontsize=8)
    return figure


def _cpu(routers: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(7, 0.5 * len(routers) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for name, found in reversed(routers.items()):
        left = 0.0
        spent = [value / 1000 for role, value in found["c16"].items() if role.endswith("_cpu_us")]
        for value, colour in zip(spent, (_BLUE, _ORANGE), strict=False):
            axes.barh(name, value, left=left, color=colour)
            left += value
        axes.text(left, name, f" {left:.2f}", va="center", fontsize=8)
    axes.set_xscale("symlog", linthresh=1)
    axes.margins(x=0.15)
    axes.set_title("CPU time of a unary call (ms; orange: ARouter's gateway)", fontsize=11)
    return figure


def _bodies(bodies: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot()
    sizes = [float(size) for size in bodies]
    for role, colour in (("service", _BLUE), ("envoy", _ORANGE)):
        axes.plot(sizes, [each[f"{role}_cpu_us"] / 1000 for each in bodies.values()], "o-", color=colour, label=role)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("request body (KB)")
    axes.set_title("Processor time of a call by the size of its request (ms)", fontsize=11)
    axes.legend(fontsize=8)
    return figure
