"""Runs attacks: `python -m attacks [NAME…]`, all without a name. Exits with 1 if the system did not hold."""

from __future__ import annotations

import importlib
import sys
import time

from attacks.target import Target, read_target

ATTACKS = (
    "path_decides",
    "path_secrets",
    "huge_json",
    "many_messages",
    "unfinished_grpc",
    "unfinished_bodies",
    "rapid_reset",
    "idle_connections",
)


def main() -> int:
    target = read_target()
    faults = [fault for name in sys.argv[1:] or ATTACKS for fault in _run(name, target)]
    for fault in faults:
        print(f"NOT HELD: {fault}")
    return 1 if faults else 0


def _run(name: str, target: Target) -> list[str]:
    if name not in ATTACKS:
        sys.exit(f"attacks: there is no {name}; there are {', '.join(ATTACKS)}")
    attack = importlib.import_module(f"attacks.{name}")
    print(f"{name}: {(attack.__doc__ or '').splitlines()[0]}")
    started = time.monotonic()
    faults = [f"{name}: {fault}" for fault in attack.run(target)]
    print(f"  {'not held' if faults else 'held'}, after {time.monotonic() - started:.0f} s\n", flush=True)
    return faults


if __name__ == "__main__":
    raise SystemExit(main())
