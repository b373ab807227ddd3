"""`python -m bench`: runs the measurements, prints the table, writes the JSON file."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from bench import report, stack

LOADS = {
    "rest unary": ("rest", False),
    "grpc unary": ("grpc", False),
    "grpc unary (envoy)": ("grpc-envoy", False),
    "rest stream (50 chunks)": ("rest", True),
    "grpc stream (50 chunks)": ("grpc", True),
}


def main() -> None:
    """Parses the options and runs."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each load (default: 5)")
    parser.add_argument("--clients", type=int, default=16, help="requests open at any time (default: 16)")
    parser.add_argument("--starts", type=int, default=5, help="of the service, for its start-up time (default: 5)")
    parser.add_argument("--only", metavar="TEXT", default="", help="only loads whose name has TEXT in it")
    parser.add_argument("--out", type=Path, default=Path("var/bench.json"), help="default: var/bench.json")
    parser.add_argument("--baseline", type=Path, help="an earlier --out, to compare with")
    options = parser.parse_args()
    baseline = report.load(options.baseline) if options.baseline else None

    results: report.Results = {}
    with stack.running() as running:
        results["memory idle"] = running.memory()
        for name, (door, stream) in LOADS.items():
            if options.only in name:
                print(f"{name} …", flush=True)
                results[name] = running.load(door, stream=stream, clients=options.clients, seconds=options.seconds)
        results["memory loaded"] = running.memory()
    starts = [stack.seconds_to_serving() for _ in range(options.starts)]
    if starts:
        results["start to SERVING"] = {"median_s": statistics.median(starts), "worst_s": max(starts)}

    settings = {"seconds": options.seconds, "clients": options.clients, "starts": options.starts}
    report.save(options.out, results, report.context(settings))
    print(f"\n{report.table(results, baseline)}\n\nwritten to {options.out}")


if __name__ == "__main__":
    main()
