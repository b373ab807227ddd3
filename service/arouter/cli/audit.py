"""`arouter audit`: shows changes of keys and accounts, directly from the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from arouter.cli.database import as_json, print_json, print_table, shown, use_database

if TYPE_CHECKING:
    from arouter.accounts.audit import AuditEvent
    from arouter.sql.database import Database

_SHOWN_HASH = 12
_COLUMNS = ("TIME", "ACTION", "WHAT", "ACCOUNT", "BY", "REQUEST", "CHANGES")


@click.command()
@click.option("--account", default="", help="Only this account and its keys.")
@click.option("--key", "key_hash", default="", metavar="HASH", help="Only this key: its complete hash.")
@click.option("--from", "start_time", default="", metavar="TIME", help="Start time, inclusive, in RFC 3339.")
@click.option("--to", "end_time", default="", metavar="TIME", help="End time, exclusive.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Maximum number.")
@as_json
def audit(account: str, key_hash: str, start_time: str, end_time: str, limit: int, as_json: bool) -> None:
    """Show changes of keys and accounts, newest first.

    Works directly on the database, with or without a running server. Entries are kept for 400 days.
    """

    async def work(database: Database) -> tuple[list[AuditEvent], str]:
        from arouter.accounts.audit import AuditLog
        from arouter.sql.audit import SqlAuditRepository

        page = await AuditLog(SqlAuditRepository(database)).list_events(
            None, account=account, key_hash=key_hash, start_time=start_time, end_time=end_time, page_size=limit
        )
        return list(page.items), page.next_token

    events, next_token = use_database(work)
    if as_json:
        print_json({"data": [*map(_document, events)], "next_page_token": next_token})
    else:
        print_table(_COLUMNS, map(_row, events))


def _document(event: AuditEvent) -> dict[str, Any]:
    """Returns the entry as in the REST API, without unset fields."""
    actor = event.actor
    document = {
        "id": event.id,
        "created_at": _time(event, "milliseconds"),
        "action": event.action,
        "resource": event.resource,
        "key_hash": event.key_hash,
        "account": event.account,
        "actor": _without_unset(
            {
                "type": actor.type,
                "key_hash": actor.key_hash,
                "label": actor.label or None,
                "account": actor.account,
                "request_id": actor.request_id or None,
            }
        ),
        "before": event.before,
        "after": event.after,
    }
    return _without_unset(document)


def _row(event: AuditEvent) -> tuple[str, ...]:
    subject = f"key {event.key_hash[:_SHOWN_HASH]}" if event.key_hash else "account"
    return (
        _time(event, "seconds"),
        event.action,
        subject,
        shown(event.account),
        f"{event.actor.type} {event.actor.label}".strip(),
        event.actor.request_id or "-",
        _changes(event),
    )


def _changes(event: AuditEvent) -> str:
    if event.before is None or event.after is None:
        values = event.after or event.before or {}
        return str(values.get("name", "-"))
    before = event.before
    return "; ".join(f"{name}: {shown(before[name])} → {shown(new)}" for name, new in event.after.items())


def _time(event: AuditEvent, precision: str) -> str:
    moment = datetime.fromtimestamp(event.created_ms / 1000, UTC)
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _without_unset(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}
