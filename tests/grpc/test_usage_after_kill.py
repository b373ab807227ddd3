"""A call that a client saw finished is in usage, once, whatever is killed afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arouter.config.secret import Secret
from arouter.store.database import Database, database_url
from arouter.store.schema import migrate
from emulator import Emulator
from support.kills import TARGETS, kill_again_and_again
from support.postgres import Postgres

PRICES = {"prompt": 3.0, "completion": 15.0}


@pytest.fixture
def priced(config: dict[str, Any], emulator: Emulator) -> dict[str, Any]:
    """A configuration in which calls cost something."""
    [row] = [row for row in config["providers"] if row["id"] == "emu"]
    return {"providers": [{**row, "models": [{"name": "text", "prices": PRICES}]}]}


async def test_nothing_is_lost_or_doubled(priced: dict[str, Any], tmp_path: Path) -> None:
    result = await kill_again_and_again(tmp_path / "killed", priced, list(TARGETS))

    assert result.exact, result
    assert result.broken


async def test_nothing_is_lost_or_doubled_on_postgresql(
    priced: dict[str, Any], postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_database()
    database = Database(database_url(Secret(url), tmp_path))
    await migrate(database)
    await database.close()

    result = await kill_again_and_again(tmp_path / "killed", priced, ["worker", "service"], url=url, seed=1)

    assert result.exact, result
