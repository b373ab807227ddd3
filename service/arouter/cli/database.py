"""Shared by the commands for accounts, keys and usage, which work directly on the database, as the operator."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from arouter.cli.settings import config_errors
from arouter.config.environment import Environment, read_environment
from arouter.config.load import ConfigError

if TYPE_CHECKING:
    from arouter.accounts.audit import Actor
    from arouter.accounts.management import Management
    from arouter.sql.database import Database

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, as in the REST API.")


def manage(work: Callable[[Management], Awaitable[T]]) -> T:
    """Runs `work` with the management of the database's accounts and keys, and returns its result.

    Raises:
        ClickException: As `use_database`.
    """

    def with_management(database: Database) -> Awaitable[T]:
        from arouter.accounts.management import Management
        from arouter.sql.management import SqlManagementRepository

        return work(Management(SqlManagementRepository(database)))

    return use_database(with_management)


def command_line() -> Actor:
    """Returns the actor for the audit log: the command line and the user of the process."""
    import getpass

    from arouter.accounts.audit import Actor

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    return Actor("cli", label=user)


def use_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Runs `work` with the database and returns its result. Creates the SQLite file if it does not exist.

    Raises:
        ClickException: The operation failed; the message is one line.
    """
    import asyncio

    from arouter.errors import ARouterError, StoreError
    from arouter.server.database import prepare_database

    with config_errors():
        environment = read_environment()
        prepare_database(environment)
        try:
            return asyncio.run(_use(work, environment))
        except ARouterError as error:
            raise click.ClickException(error.message) from error
        except StoreError as error:
            raise click.ClickException(f"the database cannot be used: {error}") from error


async def _use(work: Callable[[Database], Awaitable[T]], environment: Environment) -> T:
    from arouter.sql.database import Database, database_url
    from arouter.sql.revision import is_head

    database = Database(database_url(environment.database_url, environment.state_dir))
    try:
        if not is_head(await database.revision()):
            raise ConfigError("the database is not up to date: run `arouter migrate` first")
        return await work(database)
    finally:
        await database.close()


def print_json(document: object) -> None:
    """Prints a document as JSON."""
    import orjson

    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints aligned columns."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_fields(document: dict[str, Any]) -> None:
    """Prints a document as text, one field per line."""
    width = max(map(len, document))
    for field, value in document.items():
        click.echo(f"{field.ljust(width)}  {shown(value)}")


def shown(value: object) -> str:
    """Formats a value of a document as text."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.9f}".rstrip("0").rstrip(".")
        case dict():
            return ", ".join(f"{name} {shown(entry)}" for name, entry in value.items())
        case list() | tuple():
            return ", ".join(map(str, value)) or "(nothing)"
        case _:
            return str(value)
