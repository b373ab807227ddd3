"""A database, records, and ledgers with a journal in a folder of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arouter.chat.usage import Usage
from arouter.config.schema import UsageConfig
from arouter.sql.database import Database, database_url
from arouter.sql.usage import SqlUsageRepository
from arouter.usage.journal import Journal
from arouter.usage.record import UsageRecord
from arouter.usage.recovery import Recovery
from arouter.usage.repository import Scope
from arouter.usage.writer import UsageWriter

TODAY = datetime.now(UTC)

MakeLedger = Callable[..., UsageWriter]


def record(number: int) -> UsageRecord:
    now = int(TODAY.timestamp() * 1000)
    usage = Usage(number, 1)
    return UsageRecord(f"gen-{number}", 1, "a", "k", "p/m", "p", now, 5, None, "ok", False, usage, 3, False)


async def requests(database: Database) -> int:
    """Returns how many calls the sums count."""
    [total] = await SqlUsageRepository(database).summarize(Scope(), TODAY.date(), TODAY.date(), [])
    return total.requests


def names(folder: Path) -> list[str]:
    """Returns the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database without tables."""
    database = Database(database_url(None, tmp_path))
    yield database
    await database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where journals are."""
    return tmp_path / "usage"


@pytest.fixture
def make_ledger(database: Database, folder: Path) -> MakeLedger:
    """Makes ledgers of one database and one folder, as several processes have them."""

    def make(**config: object) -> UsageWriter:
        store = SqlUsageRepository(database)
        journal = Journal(folder, database.name, UsageConfig().max_journal_bytes)
        return UsageWriter(store, journal, Recovery(folder, database.name, store), UsageConfig(**config))  # type: ignore[arg-type]

    return make
