"""Writes accounts and keys.

Every write first increments `directory.revision`, which serialises writers, and marks its rows with the new number, by
which the pollers of the key cache find them. It ends with an entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from arouter.accounts.audit import Actor
from arouter.accounts.periods import first_day
from arouter.accounts.records import Account, Key, LimitReset, Spending
from arouter.accounts.repository import KeyQuery, ManagementRepository
from arouter.accounts.specs import AccountPatch, KeyPatch
from arouter.sql.audit import Audit
from arouter.sql.database import Database, insert
from arouter.sql.key_cache import raise_revision
from arouter.sql.rows import account_columns, account_of, key_columns, key_of
from arouter.sql.tables import accounts, keys, usage_daily

_PERIODS: tuple[LimitReset, ...] = ("daily", "weekly", "monthly")


class SqlManagementRepository(ManagementRepository):
    """Manages `accounts` and `keys`; sums up `usage_daily`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def create_key(self, key: Key, actor: Actor) -> bool:
        async with self._database.begin() as connection:
            revision = await raise_revision(connection)
            if key.account is not None and await connection.scalar(_account_ids(key.account)) is None:
                return False
            row = key_columns(key) | {"revision": revision, "created_revision": revision}
            await connection.execute(insert(connection.dialect, keys).values(**row))
            await Audit(connection, revision, actor).note((None, key))
            return True

    @override
    async def get_key(self, key_hash: str, account: str | None) -> Key | None:
        async with self._database.begin() as connection:
            return await _key(connection, key_hash, account)

    @override
    async def list_keys(self, query: KeyQuery) -> Sequence[Key]:
        order = (keys.c.created_at, keys.c.created_revision, keys.c.hash)
        statement = select(keys).where(keys.c.deleted_at.is_(None)).order_by(*(column.desc() for column in order))
        if query.account is not None:
            statement = statement.where(keys.c.account == query.account)
        if not query.include_disabled:
            statement = statement.where(~keys.c.disabled)
        if query.before is not None:
            created_at, key_hash = query.before
            its = keys.alias()
            revision = select(its.c.created_revision).where(its.c.hash == key_hash).scalar_subquery()
            statement = statement.where(tuple_(*order) < tuple_(created_at, func.coalesce(revision, 0), key_hash))
        async with self._database.begin() as connection:
            return [
                key_of(row) for row in await connection.execute(statement.offset(query.offset).limit(query.at_most))
            ]

    @override
    async def find_hashes(self, prefix: str) -> Sequence[str]:
        found = select(keys.c.hash).where(keys.c.hash.startswith(prefix, autoescape=True), keys.c.deleted_at.is_(None))
        async with self._database.begin() as connection:
            return (await connection.scalars(found.order_by(keys.c.hash).limit(2))).all()

    @override
    async def update_key(
        self, key_hash: str, account: str | None, patch: KeyPatch, now: int, actor: Actor
    ) -> Key | None:
        async with self._database.begin() as connection:
            revision = await raise_revision(connection)
            before = await _key(connection, key_hash, account)
            if before is None:
                return None
            values = _stamp(revision, now) | key_columns(patch)
            statement = update(keys).where(keys.c.hash == key_hash).values(**values).returning(keys)
            after = key_of((await connection.execute(statement)).one())
            await Audit(connection, revision, actor).note((before, after))
            return after

    @override
    async def delete_key(self, key_hash: str, account: str | None, now: int, actor: Actor) -> bool:
        async with self._database.begin() as connection:
            revision = await raise_revision(connection)
            before = await _key(connection, key_hash, account)
            if before is None:
                return False
            values = _stamp(revision, now) | {"deleted_at": now}
            await connection.execute(update(keys).where(keys.c.hash == key_hash).values(**values))
            await Audit(connection, revision, actor).note((before, None))
            return True

    @override
    async def spending(self, hashes: Sequence[str], now: int) -> Mapping[str, Spending]:
        cost, day = usage_daily.c.cost_nanos, usage_daily.c.day
        current = [func.sum(case((day >= first_day(period, now), cost), else_=0)) for period in _PERIODS]
        statement = select(usage_daily.c.key_hash, func.sum(cost), *current)
        async with self._database.begin() as connection:
            rows = await connection.execute(
                statement.where(usage_daily.c.key_hash.in_(hashes)).group_by(usage_daily.c.key_hash)
            )
            # PostgreSQL sums 64-bit integers to a decimal.
            return {row[0]: Spending(*map(int, row[1:])) for row in rows}

    @override
    async def create_account(self, account: Account, actor: Actor) -> bool:
        async with self._database.begin() as connection:
            revision = await raise_revision(connection)
            row = account_columns(account) | {"revision": revision}
            added = insert(connection.dialect, accounts).values(**row).on_conflict_do_nothing().returning(accounts.c.id)
            if await connection.scalar(added) is None:
                return False
            await Audit(connection, revision, actor).note((None, account))
            return True

    @override
    async def get_account(self, id_: str) -> Account | None:
        async with self._database.begin() as connection:
            return await _account(connection, id_)

    @override
    async def list_accounts(self, after: str, count: int) -> Sequence[Account]:
        statement = select(accounts).where(accounts.c.deleted_at.is_(None)).order_by(accounts.c.id)
        async with self._database.begin() as connection:
            rows = await connection.execute(statement.where(accounts.c.id > after).limit(count))
            return [account_of(row) for row in rows]

    @override
    async def update_account(self, id_: str, patch: AccountPatch, now: int, actor: Actor) -> Account | None:
        async with self._database.begin() as connection:
            revision = await raise_revision(connection)
            before = await _account(connection, id_)
            if before is None:
                return None
            values = _stamp(revision, now) | account_columns(patch)
            statement = update(accounts).where(accounts.c.id == id_).values(**values).returning(accounts)
            after = account_of((await connection.execute(statement)).one())
            await Audit(connection, revision, actor).note((before, after))
            return after

    @override
    async def delete_account(self, id_: str, now: int, actor: Actor) -> bool:
        async with self._database.begin() as connection:
            revision = await raise_revision(connection)
            before = await _account(connection, id_)
            if before is None:
                return False
            values = _stamp(revision, now) | {"deleted_at": now}
            await connection.execute(update(accounts).where(accounts.c.id == id_).values(**values))
            of_account = and_(keys.c.account == id_, keys.c.deleted_at.is_(None))
            revoked = await connection.execute(update(keys).where(of_account).values(**values).returning(keys))
            audit = Audit(connection, revision, actor)
            await audit.note((before, None), *((key_of(row), None) for row in revoked))
            return True


async def _key(connection: AsyncConnection, key_hash: str, account: str | None) -> Key | None:
    row = (await connection.execute(select(keys).where(_is_key(key_hash, account)))).one_or_none()
    return None if row is None else key_of(row)


async def _account(connection: AsyncConnection, id_: str) -> Account | None:
    row = (await connection.execute(select(accounts).where(_is_account(id_)))).one_or_none()
    return None if row is None else account_of(row)


def _stamp(revision: int, now: int) -> dict[str, Any]:
    return {"revision": revision, "updated_at": now}


def _is_key(key_hash: str, account: str | None) -> ColumnElement[bool]:
    found = and_(keys.c.hash == key_hash, keys.c.deleted_at.is_(None))
    return found if account is None else and_(found, keys.c.account == account)


def _is_account(id_: str) -> ColumnElement[bool]:
    return and_(accounts.c.id == id_, accounts.c.deleted_at.is_(None))


def _account_ids(id_: str) -> Any:
    return select(accounts.c.id).where(_is_account(id_))
