"""Journals of processes that have ended: found, written once, and removed; those of living ones are left alone."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from arouter.sql.database import Database
from arouter.sql.schema import migrate
from arouter.sql.usage import SqlUsageRepository
from arouter.usage.journal import Journal
from arouter.usage.journal_format import encode_header, encode_records
from arouter.usage.record import KEPT_DAYS
from arouter.usage.recovery import Recovery

from .conftest import MakeLedger, names, record, requests

MAX = 1 << 30


def left_behind(folder: Path, *numbers: int, database: str = "sqlite") -> Path:
    """Makes a journal as a killed process leaves it."""
    return write(folder, encode_header(database) + b"".join(encode_records([record(number)]) for number in numbers))


def write(folder: Path, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{len(names(folder))}.journal"
    path.write_bytes(data)
    return path


async def recover(database: Database, folder: Path) -> Recovery:
    """Looks once."""
    recovery = Recovery(folder, database.name, SqlUsageRepository(database))
    await recovery.start()
    await recovery.stop()
    return recovery


async def test_what_a_killed_process_left_is_written_once(database: Database, folder: Path) -> None:
    await migrate(database)
    await SqlUsageRepository(database).add([record(1), record(2)], again=False)
    left_behind(folder, 1, 2, 3)
    left_behind(folder, *range(10, 1_300))

    recovery = await recover(database, folder)

    assert (await requests(database), recovery.recovered, recovery.lost) == (3 + 1_290, 1 + 1_290, 0)
    assert names(folder) == []


async def test_a_recovery_that_was_interrupted_is_repeated(database: Database, folder: Path) -> None:
    await migrate(database)
    again = left_behind(folder, *range(1_000)).read_bytes()
    await recover(database, folder)
    (folder / "0.journal").write_bytes(again)

    recovery = await recover(database, folder)

    assert (await requests(database), recovery.recovered) == (1_000, 0)


async def test_two_that_look_at_the_same_time_count_once(database: Database, folder: Path) -> None:
    await migrate(database)
    for start in range(0, 100, 10):
        left_behind(folder, *range(start, start + 10))

    both = await asyncio.gather(recover(database, folder), recover(database, folder))

    assert (await requests(database), sum(each.recovered for each in both)) == (100, 100)


async def test_a_living_process_is_left_alone(database: Database, folder: Path, make_ledger: MakeLedger) -> None:
    await migrate(database)
    journal = Journal(folder, "sqlite", MAX)
    journal.append([record(1)])

    recovery = await recover(database, folder)
    assert (recovery.recovered, len(names(folder))) == (0, 1)

    journal.close()
    assert (await recover(database, folder)).recovered == 1


async def test_the_records_of_another_database_are_left_alone(
    database: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(database)
    path = left_behind(folder, 1, database="postgresql://db:5432/other")

    recovery = await recover(database, folder)

    assert (recovery.recovered, recovery.lost, path.exists()) == (0, 0, True)
    assert "meant for another database, postgresql://db:5432/other" in caplog.text


async def test_a_record_cut_off_is_ignored(database: Database, folder: Path) -> None:
    await migrate(database)
    path = left_behind(folder, 1, 2)
    path.write_bytes(path.read_bytes()[:-3])

    assert (await recover(database, folder)).recovered == 1
    assert names(folder) == []


async def test_a_damaged_file_is_kept(database: Database, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    await migrate(database)
    path = left_behind(folder, 1, 2, 3)
    data = bytearray(path.read_bytes())
    data[-len(encode_records([record(3)])) - 3] ^= 1
    path.write_bytes(data)

    assert (await recover(database, folder)).recovered == 1
    assert names(folder) == ["0.damaged"]
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("data", [b"", b"\x05", bytes(100)])
async def test_an_empty_file_is_removed(database: Database, folder: Path, data: bytes) -> None:
    write(folder, data)

    await recover(database, folder)
    assert names(folder) == []


async def test_it_waits_for_the_database(database: Database, folder: Path) -> None:
    left_behind(folder, 1)

    recovery = await recover(database, folder)
    assert recovery.waiting_since == pytest.approx(time.time(), abs=60)
    await migrate(database)

    await recover(database, folder)
    assert await requests(database) == 1


async def test_what_the_database_may_have_forgotten_is_not_counted_again(database: Database, folder: Path) -> None:
    await migrate(database)
    old = record(1)._replace(created_ms=int((time.time() - (KEPT_DAYS + 1) * 86_400) * 1000))
    write(folder, encode_header("sqlite") + encode_records([old]))

    recovery = await recover(database, folder)
    assert (recovery.recovered, recovery.lost) == (0, 1)
