"""Usage records and their sums."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import insert, update

from arouter.chat.usage import Usage
from arouter.errors import StoreError
from arouter.sql.database import Database
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.tables import directory, keys
from arouter.sql.usage import SqlUsageRepository
from arouter.usage.record import UsageRecord, UsageSum
from arouter.usage.repository import Dimension, Scope
from support.keys import key_row

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
ANY = Scope()


def record(generation: str, **changes: object) -> UsageRecord:
    whole = UsageRecord(
        generation_id=generation,
        attempt=1,
        account="acme",
        key_hash="k1",
        model="p/m",
        provider="p",
        created_ms=at(MONDAY),
        latency_ms=20,
        first_token_ms=None,
        status="ok",
        stream=False,
        usage=Usage(10, 5, 4, 1, 2),
        cost=700,
        estimated=False,
    )
    return whole._replace(**changes)  # type: ignore[arg-type]


def at(day: date) -> int:
    """Returns the last millisecond of a day."""
    return int(datetime(day.year, day.month, day.day, 23, 59, 59, 999_000, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def store(database: Database) -> SqlUsageRepository:
    return SqlUsageRepository(database)


async def test_a_record_comes_back_as_it_was(store: SqlUsageRepository) -> None:
    kept = record("gen-1", first_token_ms=7, stream=True, account=None, estimated=True, status="client_cancelled")
    await store.add([kept], again=False)

    assert await store.find("gen-1", ANY) == kept
    assert await store.find("gen-2", ANY) is None


async def test_a_generation_is_its_last_attempt(store: SqlUsageRepository) -> None:
    failed = record("gen-1", status="failed", cost=0)
    answered = record("gen-1", attempt=2, provider="q", model="q/m")
    await store.add([answered, failed], again=False)

    assert await store.find("gen-1", ANY) == answered


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (Scope("acme"), True),
        (Scope("acme", "k1"), True),
        (Scope("other"), False),
        (Scope("acme", "k2"), False),
        (Scope(key_hash="k1"), True),
    ],
)
async def test_records_of_others_are_not_there(store: SqlUsageRepository, scope: Scope, seen: bool) -> None:
    await store.add([record("gen-1")], again=False)

    assert (await store.find("gen-1", scope) is not None) is seen
    assert bool(await store.summarize(scope, MONDAY, MONDAY, ["day"])) is seen


async def test_a_repeated_write_counts_once(store: SqlUsageRepository) -> None:
    assert await store.add([record("gen-1"), record("gen-2")], again=False) == 2
    assert await store.add([record("gen-2"), record("gen-3")], again=True) == 1
    assert await store.recover([record("gen-1"), record("gen-3"), record("gen-4"), record("gen-4", attempt=2)]) == 2

    [total] = await store.summarize(ANY, MONDAY, MONDAY, ["day"])
    assert (total.requests, total.cost) == (5, 3500)


async def test_a_record_that_is_there_changes_nothing_by_surprise(store: SqlUsageRepository) -> None:
    await store.add([record("gen-1")], again=False)
    with pytest.raises(StoreError):
        await store.add([record("gen-2"), record("gen-1")], again=False)

    [total] = await store.summarize(ANY, MONDAY, MONDAY, ["day"])
    assert total.requests == 1


async def test_writers_of_the_same_records_count_them_once(database: Database) -> None:
    records = [record(f"gen-{number}") for number in range(200)]
    writers = [SqlUsageRepository(database) for _ in range(4)]

    added = await asyncio.gather(*(writer.recover(records) for writer in writers))

    [total] = await writers[0].summarize(ANY, MONDAY, MONDAY, ["day"])
    assert (sum(added), total.requests, total.cost) == (200, 200, 200 * 700)


async def test_spending_that_is_found_later_is_noticed(database: Database, store: SqlUsageRepository) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(keys).values(key_row("k1", limit_nanos=10**9, revision=1)))
        await connection.execute(insert(keys).values(key_row("k2", revision=1)))
        await connection.execute(update(directory).values(revision=1))
    spending = SqlKeyCacheRepository(database)
    before = await spending.limited(0, at(MONDAY) / 1000)
    assert before.spent["k1"].nanos == 0

    await store.recover([record("gen-1"), record("gen-2", key_hash="k2")])

    after = await spending.limited(before.revision, at(MONDAY) / 1000)
    assert {hash_: spent.nanos for hash_, spent in after.spent.items()} == {"k1": 700}


RECORDS = [
    record("gen-1"),
    record("gen-2", cost=10**15),
    record("gen-3", created_ms=at(MONDAY) + 1, key_hash="k2"),
    record("gen-4", created_ms=at(TUESDAY), model="p/n", usage=Usage(1, 2), cost=1),
]


@pytest.mark.parametrize(
    ("by", "sums"),
    [
        ([], [UsageSum(None, None, None, None, 4, 31, 17, 10**15 + 1401)]),
        (
            ["day"],
            [
                UsageSum("2026-11-23", None, None, None, 2, 20, 10, 10**15 + 700),
                UsageSum("2026-11-24", None, None, None, 2, 11, 7, 701),
            ],
        ),
        (
            ["model", "key"],
            [
                UsageSum(None, "p/m", "k1", None, 2, 20, 10, 10**15 + 700),
                UsageSum(None, "p/m", "k2", None, 1, 10, 5, 700),
                UsageSum(None, "p/n", "k1", None, 1, 1, 2, 1),
            ],
        ),
        (["account"], [UsageSum(None, None, None, "acme", 4, 31, 17, 10**15 + 1401)]),
    ],
)
async def test_sums(store: SqlUsageRepository, by: list[Dimension], sums: list[UsageSum]) -> None:
    await store.add(RECORDS, again=False)

    assert await store.summarize(ANY, MONDAY, TUESDAY, by) == sums


async def test_sums_of_no_days(store: SqlUsageRepository) -> None:
    assert await store.summarize(ANY, MONDAY, TUESDAY, ["day"]) == []


async def test_what_is_forgotten_stays_in_the_sums(store: SqlUsageRepository) -> None:
    await store.add(RECORDS, again=False)
    await store.forget(at(MONDAY) + 1)

    assert await store.find("gen-1", ANY) is None
    assert await store.find("gen-3", ANY) is not None
    assert len(await store.summarize(ANY, MONDAY, TUESDAY, ["day"])) == 2


async def test_limits_start_from_what_was_spent(database: Database, store: SqlUsageRepository) -> None:
    await store.add(RECORDS, again=False)
    spending = SqlKeyCacheRepository(database)

    assert await spending.spent("k1", MONDAY) == 10**15 + 701
    assert await spending.spent("k1", TUESDAY) == 1
    assert await spending.spent("k3", MONDAY) == 0
