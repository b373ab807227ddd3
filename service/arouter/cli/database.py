"""What the commands for accounts, keys and usage share: they work on the database itself, as the operator."""

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

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, as the REST API answers it.")


def manage(work: Callable[[Management], Awaitable[T]]) -> T:
    """Returns what `work` does with the accounts and keys of the database.

    Raises:
        ClickException: As `use_database`.
    """

    def with_management(database: Database) -> Awaitable[T]:
        from arouter.accounts.management import Management
        from arouter.sql.management import SqlManagementRepository

        return work(Management(SqlManagementRepository(database)))

    return use_database(with_management)


def command_line() -> Actor:
    """Returns what the audit log names as having made a change: the command line, and whose process it is."""
    import getpass

    from arouter.accounts.audit import Actor

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    return Actor("cli", label=user)


def use_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Returns what `work` does with the database, which is made if it is the SQLite file and not there.

    Raises:
        ClickException: It could not be done; one line says why.
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
    """Prints a document for machines."""
    import orjson

    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints aligned columns."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_fields(document: dict[str, Any]) -> None:
    """Prints a document for people, a field a line."""
    width = max(map(len, document))
    for field, value in document.items():
        click.echo(f"{field.ljust(width)}  {shown(value)}")


def shown(value: object) -> str:
    """Returns a value of a document as a person reads it."""
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
