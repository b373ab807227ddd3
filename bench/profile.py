"""`python -m bench.profile`: where the service's processor time goes, by package, while it answers.

py-spy looks a few hundred times a second which function the event loop's thread is in, if it works. Compiled code
(grpc's core and its Cython layer, uvloop) counts where Python calls it: from the event loop itself, or from the
function that sends.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from bench.load import body, load
from bench.processes import provider
from bench.targets import arouter

_MAIN = "run_worker ("
"""What the event loop's thread is in. Of the others py-spy cannot tell whether they wait."""

_PLACES = (
    ("sending: grpc's core, and the system", re.compile(r"^(send_headers|write) \(arouter/rpc/context")),
    ("event loop: uvloop, and grpc's Cython layer and core", re.compile(r"^\S+ \(asyncio/runners|uvloop")),
    ("sending to the provider: the system", re.compile(r"^send \(arouter/providers/http")),
    ("ARouter: the HTTP client", re.compile(r"\(arouter/providers/http/")),
    ("ARouter: usage records", re.compile(r"\((arouter/(sql|usage)|sqlalchemy|aiosqlite|sqlite3)/")),
    ("ARouter: limits", re.compile(r"\(arouter/limits/")),
    ("ARouter: metrics", re.compile(r"\((arouter/telemetry|prometheus_client)/|arouter/calls/metrics")),
    ("ARouter: the log", re.compile(r"\((logging|structlog)/|arouter/(server/logs|calls/call_log)")),
    ("ARouter: all else", re.compile(r"\(arouter/")),
)


def main() -> None:
    """Parses the options and runs."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="(default: 15)")
    parser.add_argument("--stream", action="store_true", help="streams instead of whole answers")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="arouter-bench-") as name,
        provider() as (port, _),
        arouter(Path(name) / "arouter", port) as target,
    ):
        data = body(target.model, stream=options.stream)
        load(target, 16, 3, data)
        busy = threading.Thread(target=load, args=(target, 16, options.seconds + 2, data))
        busy.start()
        raw = Path(name) / "raw"
        command = [
            Path(sys.executable).with_name("py-spy"),
            "record",
            "--rate",
            "250",
            "--format",
            "raw",
            "--output",
            raw,
        ]
        command += ["--duration", str(options.seconds), "--pid", str(target.processes["service"][0].pid)]
        subprocess.run([*map(str, command)], check=True, capture_output=True)
        busy.join()
        shares = by_place(raw.read_text())
    for place, share in shares.most_common():
        print(f"{share:6.1%}  {place}")


def by_place(raw: str) -> Counter[str]:
    """Returns the share of each place in py-spy's samples: lines of `frame;frame;… count`, the innermost frame last."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        if _MAIN not in stack:
            continue
        found[_place(stack.split(";"))] += int(count)
    return Counter({place: count / found.total() for place, count in found.items()})


def _place(stack: list[str]) -> str:
    """Returns where a sample belongs: to its innermost frame outside the standard library."""
    for frame in reversed(stack):
        for place, pattern in _PLACES:
            if pattern.search(frame):
                return place
    return "other"


if __name__ == "__main__":
    main()
