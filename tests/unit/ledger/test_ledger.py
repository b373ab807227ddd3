"""The ledger: nothing waits for it, and nothing it took is lost while the database works."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arouter.chat.usage import Usage
from arouter.config.schema import UsageConfig
from arouter.ledger.journal import Journal
from arouter.ledger.ledger import Ledger
from arouter.ledger.record import UsageRecord
from arouter.ledger.recovery import Recovery
from arouter.ledger.store import Scope
from arouter.store.database import Database, database_url
from arouter.store.ledger import SqlLedgerStore
from arouter.store.schema import migrate

TODAY = datetime.now(UTC)


def record(number: int) -> UsageRecord:
    now = int(TODAY.timestamp() * 1000)
    usage = Usage(number, 1)
    return UsageRecord(f"gen-{number}", 1, "a", "k", "p/m", "p", now, 5, None, "ok", False, usage, 3, False)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(database_url(None, tmp_path))
    yield database
    await database.close()


def new_ledger(database: Database, folder: Path, queue: int = 10_000) -> Ledger:
    store, config = SqlLedgerStore(database), UsageConfig(queue=queue)
    journal = Journal(folder, database.name, config.max_journal_bytes)
    return Ledger(store, journal, Recovery(folder, database.name, store), config)


async def requests(database: Database) -> int:
    [total] = await SqlLedgerStore(database).summarize(Scope(), TODAY.date(), TODAY.date(), [])
    return total.requests


async def test_a_close_writes_what_waits(database: Database) -> None:
    await migrate(database)
    ledger = Ledger(SqlLedgerStore(database), capacity=10_000)
    ledger.start()
    for number in range(1_234):
        ledger.put(record(number))

    await ledger.close(patience=10)

    assert (await requests(database), ledger.written, ledger.waiting, ledger.shed) == (1_234, 1_234, 0, 0)


class Heard(logging.Handler):
    """Says when something was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def emit(self, _record: logging.LogRecord) -> None:
        self.event.set()


async def test_records_wait_for_the_database(database: Database) -> None:
    heard, log = Heard(), logging.getLogger("arouter.ledger.ledger")
    ledger = Ledger(SqlLedgerStore(database), capacity=10)
    log.addHandler(heard)
    ledger.put(record(1))
    ledger.start()
    await asyncio.wait_for(heard.event.wait(), 10)
    log.removeHandler(heard)
    ledger.put(record(2))

    await migrate(database)
    await ledger.close(patience=10)

    assert await requests(database) == 2


async def test_a_full_queue_sheds_and_counts(database: Database) -> None:
    await migrate(database)
    ledger = Ledger(SqlLedgerStore(database), capacity=2)
    for number in range(5):
        ledger.put(record(number))
    assert (ledger.waiting, ledger.shed) == (2, 3)

    ledger.start()
    await ledger.close(patience=10)
    assert await requests(database) == 2


async def test_what_cannot_be_written_at_the_end_is_said(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(SqlLedgerStore(database), capacity=2)
    ledger.put(record(1))
    ledger.start()

    await ledger.close(patience=0.05)

    assert "1 usage records are lost" in caplog.text


async def test_a_record_that_cannot_be_kept_does_not_cost_the_others(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(database)
    ledger = Ledger(SqlLedgerStore(database), capacity=10)
    for kept in (record(1), record(2)._replace(cost=2**70), record(3)):
        ledger.put(kept)
    ledger.start()
    await ledger.close(patience=10)

    assert (await requests(database), ledger.written, ledger.shed) == (2, 2, 1)
    assert "the usage record of gen-2 is lost" in caplog.text
