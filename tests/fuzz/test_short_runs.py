"""Every target, for a few hundred inputs that are the same each time. `make fuzz` runs them for long."""

from __future__ import annotations

import importlib
from random import Random

import pytest

from fuzz.targets import TARGETS

INPUTS = 300


@pytest.mark.parametrize("name", TARGETS)
def test_the_contract_holds(name: str) -> None:
    target = importlib.import_module(f"fuzz.{name}")
    random = Random(20_260_731)
    for seed in target.SEEDS:
        target.check(seed)

    for _ in range(INPUTS):
        data = random.choice(target.SEEDS)
        for _ in range(random.randint(1, 4)):
            data = target.mutate(data, random)
        target.check(data)
