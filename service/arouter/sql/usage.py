"""Usage records and their daily sums in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Executable, Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from arouter.chat.usage import Usage
from arouter.sql.database import Database, insert
from arouter.sql.key_cache import raise_revision
from arouter.sql.tables import keys, usage, usage_daily
from arouter.usage.record import UsageRecord, UsageSum
from arouter.usage.repository import Dimension, Scope, UsageRepository

_BEFORE_USAGE = UsageRecord._fields.index("usage")
_USED = Usage._fields.index("reasoning_tokens") + 1
_SUMS = ("requests", "prompt_tokens", "completion_tokens", "cost_nanos")


class SqlUsageRepository(UsageRepository):
    """Stores records in `usage` and their sums in `usage_daily`, in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insertion = str(usage.insert().compile(dialect=database.dialect))
        self._missing = insert(database.dialect, usage).on_conflict_do_nothing().returning(*usage.primary_key)
        self._addition = _addition(database.dialect)

    @override
    async def add(self, records: Sequence[UsageRecord], *, again: bool) -> int:
        async with self._database.begin() as connection:
            if again:
                return await self._add_missing(connection, records)
            # Rows go directly to the driver: SQLAlchemy's execution would cost more than all else that is done for a
            # call here. If a record already exists, the transaction fails.
            await connection.exec_driver_sql(self._insertion, [_row(record) for record in records])
            await self._add_up(connection, records)
            return len(records)

    @override
    async def recover(self, records: Sequence[UsageRecord]) -> int:
        async with self._database.begin() as connection:
            # Keys are marked as changed so that their spending is read at the next poll, not just once a minute.
            revision = await raise_revision(connection)
            spent = {record.key_hash for record in records if record.cost}
            limited = update(keys).where(keys.c.hash.in_(spent), keys.c.limit_nanos.is_not(None))
            await connection.execute(limited.values(revision=revision))
            return await self._add_missing(connection, records)

    @override
    async def find(self, generation_id: str, scope: Scope) -> UsageRecord | None:
        query = select(usage).where(usage.c.generation_id == generation_id, *_within(scope, usage.c))
        async with self._database.begin() as connection:
            row = (await connection.execute(query.order_by(usage.c.attempt.desc()).limit(1))).first()
        return None if row is None else _record(row)

    @override
    async def summarize(self, scope: Scope, first: date, last: date, by: Collection[Dimension]) -> Sequence[UsageSum]:
        table = usage_daily.c
        columns = {"day": table.day, "model": table.model, "key": table.key_hash, "account": table.account}
        groups = [column for name, column in columns.items() if name in by]
        sums = [func.coalesce(func.sum(table[name]), 0).label(name) for name in _SUMS]
        query = select(*groups, *sums).where(table.day >= first, table.day <= last, *_within(scope, table))
        async with self._database.begin() as connection:
            rows = (await connection.execute(query.group_by(*groups).order_by(*groups))).mappings().all()
        return [
            UsageSum(
                day=row["day"].isoformat() if "day" in by else None,
                model=row["model"] if "model" in by else None,
                key_hash=row["key_hash"] if "key" in by else None,
                account=row["account"] if "account" in by else None,
                requests=int(row["requests"]),
                prompt_tokens=int(row["prompt_tokens"]),
                completion_tokens=int(row["completion_tokens"]),
                cost=int(row["cost_nanos"]),
            )
            for row in rows
        ]

    @override
    async def forget(self, before_ms: int) -> None:
        async with self._database.begin() as connection:
            await connection.execute(delete(usage).where(usage.c.created_ms < before_ms))

    async def _add_missing(self, connection: AsyncConnection, records: Sequence[UsageRecord]) -> int:
        """Adds the records that are missing, and only those to the sums; returns their number."""
        columns = usage.columns.keys()
        rows = [dict(zip(columns, _row(record), strict=True)) for record in records]
        added = {tuple(row) for row in await connection.execute(self._missing, rows)}
        missing = [record for record in records if (record.generation_id, record.attempt) in added]
        if missing:
            await self._add_up(connection, missing)
        return len(missing)

    async def _add_up(self, connection: AsyncConnection, records: Sequence[UsageRecord]) -> None:
        """Adds records to the sums of their days."""
        sums: dict[tuple[date, str, str, str | None], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for record in records:
            day = datetime.fromtimestamp(record.created_ms / 1000, UTC).date()
            total = sums[day, record.key_hash, record.model, record.account]
            for index, amount in enumerate(
                (1, record.usage.prompt_tokens, record.usage.completion_tokens, record.cost)
            ):
                total[index] += amount
        await connection.execute(
            self._addition,
            [
                {
                    "day": day,
                    "key_hash": key,
                    "model": model,
                    "account": account,
                    **dict(zip(_SUMS, total, strict=True)),
                }
                # Sorted, so that two writers do not deadlock.
                for (day, key, model, account), total in sorted(sums.items(), key=lambda item: item[0][:3])
            ],
        )


def _addition(dialect: Dialect) -> Executable:
    """Returns the statement that adds to the sum of a day, a key and a model."""
    statement = insert(dialect, usage_daily)
    added = {name: usage_daily.c[name] + statement.excluded[name] for name in _SUMS}
    return statement.on_conflict_do_update(index_elements=["day", "key_hash", "model"], set_=added)


def _within(scope: Scope, columns: Any) -> list[ColumnElement[bool]]:
    conditions = []
    if scope.account is not None:
        conditions.append(columns.account == scope.account)
    if scope.key_hash is not None:
        conditions.append(columns.key_hash == scope.key_hash)
    return conditions


def _row(record: UsageRecord) -> tuple[Any, ...]:
    """Returns the values of a record's row, in the order of the table's columns."""
    return (*record[:_BEFORE_USAGE], *record.usage[:_USED], record.cost, record.estimated)


def _record(row: Row[Any]) -> UsageRecord:
    return UsageRecord(
        generation_id=row.generation_id,
        attempt=row.attempt,
        account=row.account,
        key_hash=row.key_hash,
        model=row.model,
        provider=row.provider,
        created_ms=row.created_ms,
        latency_ms=row.latency_ms,
        first_token_ms=row.first_token_ms,
        status=row.status,
        stream=row.stream,
        usage=Usage(
            row.prompt_tokens, row.completion_tokens, row.cached_tokens, row.cache_write_tokens, row.reasoning_tokens
        ),
        cost=row.cost_nanos,
        estimated=row.estimated,
    )
