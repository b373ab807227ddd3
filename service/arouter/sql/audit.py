"""The audit log in SQL."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from arouter.accounts.audit import KEPT_DAYS, Actor, AuditEvent, AuditQuery, AuditRepository
from arouter.accounts.records import Account, Key
from arouter.accounts.rest_json import changed_values
from arouter.sql.database import Database
from arouter.sql.tables import audit_events

_KEPT_MS = KEPT_DAYS * 86_400_000


class SqlAuditRepository(AuditRepository):
    """Reads `audit_events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    async def list_events(self, query: AuditQuery) -> Sequence[AuditEvent]:
        table = audit_events.c
        statement = select(audit_events).order_by(table.revision.desc(), table.position.desc()).limit(query.at_most)
        for column, value in ((table.account, query.account), (table.key_hash, query.key_hash)):
            if value is not None:
                statement = statement.where(column == value)
        if query.since_ms is not None:
            statement = statement.where(table.created_ms >= query.since_ms)
        if query.until_ms is not None:
            statement = statement.where(table.created_ms < query.until_ms)
        if query.before is not None:
            statement = statement.where(tuple_(table.revision, table.position) < tuple_(*query.before))
        async with self._database.begin() as connection:
            return [_event(row) for row in await connection.execute(statement)]


class Audit:
    """Records the changes of one transaction.

    Args:
        connection: The connection in the transaction.
        revision: The revision number of the changes.
        actor: The author of the changes.
    """

    def __init__(self, connection: AsyncConnection, revision: int, actor: Actor) -> None:
        self._connection = connection
        self._revision = revision
        self._actor = actor
        self._now_ms = int(time.time() * 1000)

    async def note(self, *changes: tuple[Key | None, Key | None] | tuple[Account | None, Account | None]) -> None:
        """Writes an entry for each changed key or account, given before and after; None if it does not exist.

        Fields that have not changed are left out. If no field has changed, there is no entry.
        """
        rows: list[dict[str, Any]] = []
        for before, after in changes:
            old, new = changed_values(before, after)
            subject = after or before
            if subject is None or not (old or new):
                continue
            is_key = isinstance(subject, Key)
            rows.append(
                {
                    "revision": self._revision,
                    "position": len(rows),
                    "created_ms": self._now_ms,
                    "action": "create" if before is None else "delete" if after is None else "update",
                    "resource": "key" if is_key else "account",
                    "key_hash": subject.hash if isinstance(subject, Key) else None,
                    "account": subject.account if isinstance(subject, Key) else subject.id,
                    "actor": _json(self._actor),
                    "before": _json(old),
                    "after": _json(new),
                }
            )
        if rows:
            await self._connection.execute(insert(audit_events), rows)
        await self._connection.execute(delete(audit_events).where(audit_events.c.created_ms < self._now_ms - _KEPT_MS))


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        revision=row.revision,
        position=row.position,
        created_ms=row.created_ms,
        action=row.action,
        resource=row.resource,
        key_hash=row.key_hash,
        account=row.account,
        actor=msgspec.json.decode(row.actor, type=Actor),
        before=None if row.before is None else msgspec.json.decode(row.before),
        after=None if row.after is None else msgspec.json.decode(row.after),
    )
