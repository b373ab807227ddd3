"""`python -m bench.cases`: what calls cost that are not the plain one, as a multiple of the floor.

The provider over TLS, `auto`, a list of fallbacks, an agent's request of 200 KB, many keys, PostgreSQL with Valkey.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench import report
from bench.against_floor import compared
from bench.load import agent_body, body, load
from bench.processes import plain_environment, provider
from bench.targets import AROUTER, Target, arouter, floor
from support.postgres import running_postgres
from support.tls import Authority
from support.valkey import valkey_running

Figures = dict[str, Any]


def main() -> None:
    """Parses the options and runs."""
    parser = argparse.ArgumentParser(prog="python -m bench.cases", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="of each measurement (default: 5)")
    parser.add_argument("--seconds", type=int, default=2, help="of each load (default: 2)")
    parser.add_argument("--keep", action="store_true", help="put the figures into the kept results and the pages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arouter-bench-") as name:
        figures = cases(Path(name), options.pairs, options.seconds)
    print(report.floor_table(figures))
    if options.keep:
        report.keep_floor(figures)


def cases(folder: Path, pairs: int, seconds: int) -> Figures:
    """Returns by case what `compared` does. The floor is the plain one, but over TLS and of an agent's request."""
    found: Figures = {}

    def add(name: str, ours: Target, below: Target, data: Callable[[str], bytes] = body) -> None:
        print(f"  {name}", flush=True)
        found[name] = compared(
            ours, below, "service", lambda target, time: load(target, 16, time, data(target.model)), pairs, seconds
        )

    with provider() as (port, _), floor(folder / "floor", port) as below:
        with arouter(folder / "plain", port) as ours:
            add("auto", ours, below, _auto)
            add("fallbacks", ours, below, _fallbacks)
            add("agent", ours, below, agent_body)
        for count in (10, 1000):
            with arouter(folder / f"keys{count}", port, keys=count) as ours:
                add(f"keys_{count}", ours, below)
        with _stores() as stores, arouter(folder / "stores", port, environment=stores) as ours:
            add("stores", ours, below)
    with _over_tls(folder) as (ours, below):
        add("tls", ours, below)
    return found


def _auto(_model: str) -> bytes:
    return body("auto")


def _fallbacks(model: str) -> bytes:
    others = [model.removesuffix("bench") + name for name in ("spaced", "waiting")]
    return json.dumps({**json.loads(body(model)), "models": others}, separators=(",", ":")).encode()


@contextmanager
def _stores() -> Iterator[dict[str, str]]:
    """Runs PostgreSQL and Valkey; yields the variables that name them."""
    with running_postgres() as postgres, valkey_running() as valkey:
        stores = {"AROUTER_DATABASE_URL": postgres.new_database(), "AROUTER_REDIS_URL": valkey.url}
        subprocess.run([AROUTER, "migrate"], env=plain_environment() | stores, check=True)
        yield stores


@contextmanager
def _over_tls(folder: Path) -> Iterator[tuple[Target, Target]]:
    """Runs ARouter and its floor before a provider with TLS."""
    authority = Authority()
    pair = authority.issue()
    files = [folder / name for name in ("tls.crt", "tls.key", "ca.crt")]
    for file, data in zip(files, (pair.certificate, pair.key, authority.pem), strict=True):
        file.write_bytes(data)
    with ExitStack() as opened:
        port, _ = opened.enter_context(provider(*files[:2]))
        ours = opened.enter_context(arouter(folder / "tls", port, authority=files[2]))
        yield ours, opened.enter_context(floor(folder / "floor-tls", port, authority=files[2]))


if __name__ == "__main__":
    main()
