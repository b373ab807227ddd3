"""The ledger: nothing waits for it, and nothing it took is lost while the database works."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from arouter.sql.database import Database
from arouter.sql.schema import migrate

from .conftest import MakeLedger, names, record, requests


async def test_a_close_writes_what_waits(database: Database, make_ledger: MakeLedger, folder: Path) -> None:
    await migrate(database)
    ledger = make_ledger()
    await ledger.start()
    for number in range(1_234):
        ledger.put([record(number)])

    await ledger.close(patience=10)

    assert (await requests(database), ledger.written, ledger.waiting, ledger.shed) == (1_234, 1_234, 0, 0)
    assert names(folder) == []


class Heard(logging.Handler):
    """Says when something was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def emit(self, _record: logging.LogRecord) -> None:
        self.event.set()


async def test_records_wait_for_the_database(database: Database, make_ledger: MakeLedger) -> None:
    heard, log = Heard(), logging.getLogger("arouter.usage.writer")
    ledger = make_ledger()
    log.addHandler(heard)
    ledger.put([record(1)])
    await ledger.start()
    await asyncio.wait_for(heard.event.wait(), 10)
    log.removeHandler(heard)
    ledger.put([record(2)])

    await migrate(database)
    await ledger.close(patience=10)

    assert await requests(database) == 2


async def test_a_full_queue_sheds_and_counts(database: Database, make_ledger: MakeLedger) -> None:
    await migrate(database)
    ledger = make_ledger(queue=2)
    for number in range(5):
        ledger.put([record(number)])
    assert (ledger.waiting, ledger.shed) == (2, 3)

    await ledger.start()
    await ledger.close(patience=10)
    assert await requests(database) == 2


async def test_what_cannot_be_written_at_the_end_is_written_at_the_next_start(
    database: Database, make_ledger: MakeLedger, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = make_ledger(), make_ledger()
    await first.start()
    first.put([record(1)])
    await first.close(patience=0.05)
    assert f"1 usage records stay in {folder} for the next start, 0 are lost" in caplog.text

    await migrate(database)
    await second.start()
    await second.close(patience=10)

    assert (await requests(database), second.recovered) == (1, 1)
    assert names(folder) == []


async def test_a_record_that_cannot_be_kept_does_not_cost_the_others(
    database: Database, make_ledger: MakeLedger, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(database)
    ledger = make_ledger()
    for kept in (record(1), record(2)._replace(cost=2**70), record(3)):
        ledger.put([kept])
    await ledger.start()
    await ledger.close(patience=10)

    assert (await requests(database), ledger.written, ledger.shed) == (2, 2, 1)
    assert "the usage record of gen-2 is lost" in caplog.text


async def test_the_age_of_the_oldest_record_is_known(database: Database, make_ledger: MakeLedger) -> None:
    ledger = make_ledger()
    now = time.time()
    assert ledger.oldest_age(now) == 0

    ledger.put([record(1)._replace(created_ms=int(now * 1000) - 60_000, latency_ms=20_000)])
    ledger.put([record(2)])
    assert ledger.oldest_age(now) == pytest.approx(40, abs=0.01)

    await migrate(database)
    await ledger.start()
    await ledger.close(patience=10)
    assert ledger.oldest_age(now) == 0


@pytest.fixture
def no_folder(folder: Path) -> None:
    folder.write_text("not a folder")


async def test_records_go_on_to_the_database_where_there_can_be_no_journal(
    database: Database, make_ledger: MakeLedger, no_folder: None, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(database)
    ledger = make_ledger()
    await ledger.start()
    for number in range(3):
        ledger.put([record(number)])
    await ledger.close(patience=10)

    assert (await requests(database), ledger.unjournalled, ledger.shed) == (3, 3, 0)
    assert caplog.text.count("usage records are not written to the journal") == 1
