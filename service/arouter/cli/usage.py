"""`arouter usage`: shows usage and cost, directly from the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from arouter.cli.database import as_json, print_json, print_table, use_database

if TYPE_CHECKING:
    from arouter.sql.database import Database
    from arouter.usage.record import UsageSum
    from arouter.usage.repository import Dimension

_DAY = click.DateTime(["%Y-%m-%d"])
_SHOWN_OF_HASH = 12


@click.command()
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["day", "model", "key", "account"]),
    help="Group by this dimension; repeatable.  [default: day]",
)
@click.option("--from", "first", type=_DAY, help="First day, UTC.  [default: 30 days before the last]")
@click.option("--to", "last", type=_DAY, help="Last day, UTC.  [default: today]")
@click.option("--account", help="Only this account.")
@as_json
def usage(
    by: tuple[Dimension, ...], first: datetime | None, last: datetime | None, account: str | None, as_json: bool
) -> None:
    """Show usage and cost.

    Works directly on the database, with or without a running server, which writes to it twice a second.
    """
    end = (last or datetime.now(UTC)).date()
    start = first.date() if first else end - timedelta(days=30)
    if start > end:
        raise click.BadParameter("must not be after the last day", param_hint="--from")
    dimensions: tuple[Dimension, ...] = by or ("day",)

    async def work(database: Database) -> Sequence[UsageSum]:
        from arouter.sql.usage import SqlUsageRepository
        from arouter.usage.repository import Scope

        return await SqlUsageRepository(database).summarize(Scope(account=account), start, end, dimensions)

    documents = [_document(total) for total in use_database(work)]
    if as_json:
        print_json({"data": documents})
    else:
        print_table(*_table(documents, dimensions))


def _document(total: UsageSum) -> dict[str, Any]:
    from arouter.accounts.units import NANOS

    document = {name: value for name, value in total._asdict().items() if value is not None}
    return document | {"cost": total.cost / NANOS}


def _table(documents: list[dict[str, Any]], by: Sequence[Dimension]) -> tuple[list[str], list[list[str]]]:
    groups = [name for name in ("day", "model", "key_hash", "account") if name.removesuffix("_hash") in by]
    header = [*(name.removesuffix("_hash").upper() for name in groups), "REQUESTS", "PROMPT", "COMPLETION", "USD"]
    rows = [
        [
            *(row[name][:_SHOWN_OF_HASH] if name == "key_hash" else row[name] for name in groups),
            *(str(row[name]) for name in ("requests", "prompt_tokens", "completion_tokens")),
            f"{row['cost']:.6f}",
        ]
        for row in documents
    ]
    return header, rows
