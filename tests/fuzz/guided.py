"""Runs one target, guided by coverage: `python -m fuzz.guided TARGET [libFuzzer's options] FOLDER`. Ends at a finding.

The folder keeps the inputs that reached new code; the next run begins with them. Needs atheris (`make fuzz`).
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from random import Random

import atheris

from fuzz.mutation import MAX_BYTES


def main() -> None:
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=["arouter"]):
        target = importlib.import_module(f"fuzz.{name}")
    folder = Path(arguments[-1])
    folder.mkdir(parents=True, exist_ok=True)
    for seed in target.SEEDS:
        (folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(target.mutate(data, random)[:max_size])

    atheris.Setup([sys.argv[0], f"-max_len={MAX_BYTES}", *arguments], target.check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
