"""Reads accounts, keys and spending for the processes that serve calls."""

from __future__ import annotations

from datetime import date

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from arouter.accounts.periods import first_day
from arouter.accounts.records import LimitReset
from arouter.accounts.repository import Changes, KeyCacheRepository, SpendingChanges, SpendingRepository, Spent
from arouter.sql.database import Database
from arouter.sql.rows import account_of, key_of
from arouter.sql.tables import accounts, directory, keys, usage_daily

_RESETS: tuple[LimitReset | None, ...] = ("daily", "weekly", "monthly", None)


class SqlKeyCacheRepository(KeyCacheRepository, SpendingRepository):
    """Reads `accounts`, `keys` and `usage_daily`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def changes(self, since: int) -> Changes:
        async with self._database.begin() as connection:
            # Read first: later commits have a higher number, and are found by the next poll.
            revision: int = (await connection.execute(select(directory.c.revision))).scalar_one()
            if revision == since:
                return Changes(revision, {}, {})
            since = _known_part(since, revision)
            changed_accounts = await connection.execute(select(accounts).where(accounts.c.revision > since))
            changed_keys = await connection.execute(select(keys).where(keys.c.revision > since))
            return Changes(
                revision,
                {row.id: None if row.deleted_at else account_of(row) for row in changed_accounts},
                {row.hash: None if row.deleted_at else key_of(row) for row in changed_keys},
                is_complete=since == 0,
            )

    @override
    async def spent(self, key_hash: str, first_day: date) -> int:
        total = select(func.coalesce(func.sum(usage_daily.c.cost_nanos), 0))
        async with self._database.begin() as connection:
            query = total.where(usage_daily.c.key_hash == key_hash, usage_daily.c.day >= first_day)
            # PostgreSQL sums 64-bit integers to a decimal.
            return int((await connection.execute(query)).scalar_one())

    @override
    async def limited(self, since: int, now: float) -> SpendingChanges:
        found: dict[str, Spent] = {}
        async with self._database.begin() as connection:
            revision: int = (await connection.execute(select(directory.c.revision))).scalar_one()
            if revision == since:
                return SpendingChanges(revision, found)
            since = _known_part(since, revision)
            for reset in _RESETS:
                first = first_day(reset, now)
                query = (
                    select(keys.c.hash, func.coalesce(func.sum(usage_daily.c.cost_nanos), 0))
                    .outerjoin(usage_daily, and_(usage_daily.c.key_hash == keys.c.hash, usage_daily.c.day >= first))
                    .where(
                        keys.c.revision > since,
                        keys.c.deleted_at.is_(None),
                        keys.c.limit_nanos.is_not(None),
                        keys.c.limit_reset.is_(None) if reset is None else keys.c.limit_reset == reset,
                    )
                    .group_by(keys.c.hash)
                )
                found |= {hash_: Spent(first, int(nanos)) for hash_, nanos in await connection.execute(query)}
        return SpendingChanges(revision, found)


def _known_part(since: int, revision: int) -> int:
    """Returns the revision after which rows are new to a reader that knows `since`.

    A database that is behind its reader has lost transactions, because its server was replaced by a standby that did
    not have them. Then everything is new.
    """
    return since if since <= revision else 0


async def raise_revision(connection: AsyncConnection) -> int:
    """Returns the revision of the changes that this transaction makes to accounts and keys; called before all else."""
    raised = update(directory).values(revision=directory.c.revision + 1).returning(directory.c.revision)
    revision: int = (await connection.execute(raised)).scalar_one()
    return revision
