"""`python -m bench`: runs the measurements, prints the tables, writes `bench/results/`."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import machine, model, phases, report
from bench.against_floor import against_floor
from bench.cases import cases
from bench.normalizer import normalizer_us
from bench.peers import PEERS
from bench.processes import StartError, provider
from bench.targets import Target, arouter, direct, envoy_alone, instant
from bench.targets import floor as forwarder

_MODELS = 3000
_PAIRS = 5


def main() -> None:
    """Parses the options and runs."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--peers", default=",".join(PEERS), help="which other routers, or none (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--seconds", type=int, default=4, help="of each load (default: 4)")
    parser.add_argument("--out", type=Path, default=report.LATEST, help=f"default: {report.LATEST}")
    options = parser.parse_args()
    peers = [] if options.peers == "none" else options.peers.split(",")
    if unknown := set(peers) - set(PEERS):
        parser.error(f"no such router: {', '.join(unknown)}; there are {', '.join(PEERS)}")

    figures: dict[str, Any] = {"machine": machine.description(), "options": {**vars(options), "out": options.out.name}}
    figures["machine"] |= machine.speed()
    with tempfile.TemporaryDirectory(prefix="arouter-bench-") as name:
        _measure(Path(name), peers, options.rounds, options.seconds, figures)
    soak = options.out.with_name("soak.json")
    if soak.exists():
        figures["soak"] = json.loads(soak.read_text("utf-8"))
    figures["model"] = model.fitted(figures)
    document = report.finished(figures)
    if options.out == report.LATEST:
        report.keep(document)
    else:
        report.save(options.out, document)
    print(f"\n{report.table(document)}\n\nwritten to {options.out}")
    from bench.plots import plot  # Not before all is measured: it loads a lot.

    print("drawn:", *plot(document, options.out.parent))


def _measure(folder: Path, peers: list[str], rounds: int, seconds: int, figures: dict[str, Any]) -> None:
    with ExitStack() as opened:
        port, running = opened.enter_context(provider())
        ours = opened.enter_context(arouter(folder / "arouter", port))
        itself = direct(port, running)
        proxy = opened.enter_context(envoy_alone(folder, port))
        targets = [itself, proxy, ours]
        figures["missing"] = {}
        for peer in peers:
            try:
                targets.append(opened.enter_context(PEERS[peer](folder, port)))
            except StartError as error:
                figures["missing"][peer] = str(error)
                print(f"{peer} is left out: {error}")
        with (
            _step("against the floor"),
            forwarder(folder / "floor", port) as below,
            instant(folder / "instant") as gateway,
        ):
            figures["floor"] = against_floor(ours, below, proxy, gateway, _PAIRS, seconds)
        with _step("whole answers"):
            figures["compared"] = phases.compared(targets, rounds, seconds)
        with _step("streams, back to back"):
            figures["streams"] = phases.streams([itself, ours], rounds, seconds)
        with _step("streams, spaced"):
            figures["spaced"] = phases.spaced([itself, ours], rounds, seconds)
        with _step("bodies"):
            figures["bodies"] = phases.bodies(ours, seconds)
        with _step("typed gRPC"):
            figures["typed"] = phases.typed(ours, rounds, seconds)
    with provider() as (port, _):
        with _step(f"a list of {_MODELS:,} models"), arouter(folder / "many", port, models=_MODELS) as many:
            figures["listing"] = phases.listing(many, seconds)
        # A service that has not had to do with much yet: memory that it has would be used again, and not be seen.
        with _step("idle streams"), arouter(folder / "idle", port) as fresh:
            figures["idle_stream_kb"] = phases.idle_stream_kb(fresh)
        with _step("idle streams of the floor"), forwarder(folder / "idle-floor", port) as below:
            figures["idle_stream_floor_kb"] = phases.idle_stream_kb(below)
        with _step("two workers"), arouter(folder / "two", port, workers=2) as two:
            figures["two_workers"] = _two_workers(two, rounds, seconds)
    (folder / "cases").mkdir()
    with _step("other calls against the floor"):
        figures["floor"] |= cases(folder / "cases", _PAIRS, min(seconds, 2))
    with _step("the normaliser"):
        figures["normalizer_us"] = normalizer_us()
    with _step("starts"):
        (folder / "start").mkdir()
        starts = phases.start_seconds(folder / "start", 5)
        figures["start"] = {
            "median_s": statistics.median(starts),
            "first_s": starts[0],
            "worst_s": max(starts),
            "import_s": machine.import_seconds(),
        }


def _two_workers(target: Target, rounds: int, seconds: int) -> dict[str, Any]:
    figures = phases.compared([target], rounds, seconds)[target.name]
    return figures | {"streams": phases.streams([target], rounds, seconds)[target.name]}


@contextmanager
def _step(name: str) -> Iterator[None]:
    print(f"{name} …", flush=True)
    yield


if __name__ == "__main__":
    main()
