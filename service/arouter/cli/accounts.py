"""`arouter accounts`: manages accounts directly in the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from arouter.cli.database import as_json, command_line, manage, print_fields, print_json, print_table, shown

if TYPE_CHECKING:
    from arouter.accounts.management import Management
    from arouter.accounts.records import Account


@click.group()
def accounts() -> None:
    """Create, list, update and delete accounts.

    Works directly on the database, with or without a running server. A running server applies changes within 5 seconds.
    """


@accounts.command()
@click.argument("id", metavar="ID")
@click.option("--name", help="Display name.  [default: the ID]")
@click.option("--provider", "providers", multiple=True, help="Enable only this provider; repeatable.")
@click.option("--default-model", metavar="MODEL", help="Model of requests that name none.")
@as_json
def create(
    id: str,  # noqa: A002
    name: str | None,
    providers: tuple[str, ...],
    default_model: str | None,
    as_json: bool,
) -> None:
    """Create an account."""
    from arouter.accounts.specs import new_account

    document = _document(name, providers, default_model) | {"id": id}
    _print(lambda management: management.create_account(new_account(document), command_line()), as_json)


@accounts.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List all accounts."""
    from arouter.accounts.rest_json import account_document

    async def work(management: Management) -> list[Account]:
        found: list[Account] = []
        token = ""
        while True:
            page = await management.list_accounts(None, page_size=1000, page_token=token)
            found += page.items
            token = page.next_token
            if not token:
                return found

    documents = [account_document(account) for account in manage(work)]
    if as_json:
        print_json({"data": documents, "next_page_token": None})
    else:
        rows = [
            (
                row["id"],
                row["name"],
                "disabled" if row["disabled"] else "enabled",
                shown(row["providers"]),
                shown(row["default_model"]),
            )
            for row in documents
        ]
        print_table(("ID", "NAME", "STATE", "PROVIDERS", "DEFAULT MODEL"), rows)


@accounts.command()
@click.argument("id", metavar="ID")
@as_json
def show(id: str, as_json: bool) -> None:  # noqa: A002
    """Show an account."""
    _print(lambda management: management.get_account(id, None), as_json)


@accounts.command()
@click.argument("id", metavar="ID")
@click.option("--name", help="Display name.")
@click.option("--provider", "providers", multiple=True, help="Enable only this provider; repeatable.")
@click.option("--all-providers", is_flag=True, help="Enable all configured providers.")
@click.option("--default-model", metavar="MODEL", help="Model of requests that name none; 'none' removes it.")
@click.option("--disable/--enable", default=None, help="Reject its keys, or accept them again.")
@as_json
def update(
    id: str,  # noqa: A002
    name: str | None,
    providers: tuple[str, ...],
    all_providers: bool,
    default_model: str | None,
    disable: bool | None,
    as_json: bool,
) -> None:
    """Update the given fields of an account."""
    from arouter.accounts.specs import account_patch

    if providers and all_providers:
        raise click.UsageError("--provider and --all-providers are mutually exclusive")
    document = _document(name, providers, default_model)
    if all_providers:
        document["providers"] = None
    if disable is not None:
        document["disabled"] = disable
    if not document:
        raise click.UsageError("no change given; see --help for the options")
    _print(lambda management: management.update_account(id, account_patch(document), command_line()), as_json)


@accounts.command()
@click.argument("id", metavar="ID")
def delete(id: str) -> None:  # noqa: A002
    """Delete an account and revoke its keys permanently. Its ID cannot be reused, because usage records refer to it."""
    manage(lambda management: management.delete_account(id, command_line()))
    click.echo(f"Account {id} is deleted, and its keys are revoked.")


def _document(name: str | None, providers: tuple[str, ...], default_model: str | None) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if name is not None:
        document["name"] = name
    if providers:
        document["providers"] = list(providers)
    if default_model is not None:
        document["default_model"] = None if default_model == "none" else default_model
    return document


def _print(work: Callable[[Management], Awaitable[Account]], as_json: bool) -> None:
    from arouter.accounts.rest_json import account_document

    document = account_document(manage(work))
    if as_json:
        print_json({"data": document})
    else:
        print_fields(document)
