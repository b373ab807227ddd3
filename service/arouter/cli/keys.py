"""`arouter keys`: manages API keys directly in the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from arouter.cli.database import as_json, command_line, manage, print_fields, print_json, print_table, shown
from arouter.cli.key_options import key_document_of, key_options

if TYPE_CHECKING:
    from arouter.accounts.management import KeyView, Management

_SHORTEST_PREFIX = 6
_SHOWN_HASH = 12
_COLUMNS = ("HASH", "NAME", "TYPE", "ACCOUNT", "STATE", "LIMIT", "LEFT", "SPENT", "EXPIRES")


@click.group()
def keys() -> None:
    """Create, list, update and revoke API keys.

    Works directly on the database, with or without a running server. A running server applies changes within 5 seconds.
    HASH is a key's hash, or its first 6 or more characters.
    """


@keys.command()
@click.argument("name")
@click.option("--account", help="Account of the key.  [default: default; none with --management]")
@click.option("--management", is_flag=True, help="Create a key that manages keys and cannot call models.")
@key_options
@as_json
def create(name: str, account: str | None, management: bool, as_json: bool, **options: Any) -> None:
    """Create a key called NAME and print its secret, which cannot be retrieved later."""
    from arouter.accounts.rest_json import key_document
    from arouter.accounts.specs import new_key

    key_type = "management" if management else "regular"
    document = key_document_of(options) | {"name": name, "account": account, "key_type": key_type}

    async def work(management: Management) -> tuple[KeyView, str]:
        return await management.create_key(new_key(document), command_line())

    view, secret = manage(work)
    if as_json:
        print_json({"data": key_document(view), "key": secret})
    else:
        owner = f"account {view.key.account}" if view.key.account else "the operator"
        click.echo(f"Key {view.key.hash[:_SHOWN_HASH]} of {owner}. Its secret is shown only once:", err=True)
        click.echo(secret)


@keys.command("list")
@click.option("--account", help="Only the keys of this account.")
@as_json
def list_(account: str | None, as_json: bool) -> None:
    """List all keys, newest first."""
    from arouter.accounts.rest_json import key_document

    async def work(management: Management) -> list[KeyView]:
        found: list[KeyView] = []
        token = ""
        while True:
            page = await management.list_keys(
                None, page_size=1000, page_token=token, include_disabled=True, account=account
            )
            found += page.items
            token = page.next_token
            if not token:
                return found

    views = manage(work)
    documents = [key_document(view) for view in views]
    if as_json:
        print_json({"data": documents, "next_page_token": None})
    else:
        print_table(_COLUMNS, map(_row, documents))


@keys.command()
@click.argument("hash", metavar="HASH")
@as_json
def show(hash: str, as_json: bool) -> None:  # noqa: A002 - the argument's name on the command line
    """Show a key and its spending."""

    async def work(management: Management) -> KeyView:
        return await management.get_key(await _find(management, hash), None)

    _print(manage(work), as_json)


@keys.command()
@click.argument("hash", metavar="HASH")
@click.option("--name", help="Display name.")
@click.option("--all-providers", is_flag=True, help="Remove the restriction to providers.")
@click.option("--all-models", is_flag=True, help="Remove the restriction to models.")
@key_options
@as_json
def update(
    hash: str,  # noqa: A002
    name: str | None,
    all_providers: bool,
    all_models: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Update the given fields of a key."""
    document = key_document_of(options)
    for all_, field in ((all_providers, "provider"), (all_models, "model")):
        if all_ and f"allowed_{field}s" in document:
            raise click.UsageError(f"--allow-{field} and --all-{field}s are mutually exclusive")
    if all_providers:
        document["allowed_providers"] = None
    if all_models:
        document["allowed_models"] = None
    if name is not None:
        document["name"] = name
    if not document:
        raise click.UsageError("no change given; see --help for the options")
    _print(_update(hash, document), as_json)


@keys.command()
@click.argument("hash", metavar="HASH")
def disable(hash: str) -> None:  # noqa: A002
    """Disable a key."""
    _print_done(_update(hash, {"disabled": True}).key.hash, "disabled")


@keys.command()
@click.argument("hash", metavar="HASH")
def enable(hash: str) -> None:  # noqa: A002
    """Enable a disabled key."""
    _print_done(_update(hash, {"disabled": False}).key.hash, "enabled")


@keys.command()
@click.argument("hash", metavar="HASH")
def delete(hash: str) -> None:  # noqa: A002
    """Revoke a key permanently."""

    async def work(management: Management) -> str:
        found = await _find(management, hash)
        await management.delete_key(found, command_line())
        return found

    _print_done(manage(work), "revoked")


def _update(key_hash: str, document: dict[str, Any]) -> KeyView:
    from arouter.accounts.specs import key_patch

    async def work(management: Management) -> KeyView:
        patch = key_patch(document)
        return await management.update_key(await _find(management, key_hash), patch, command_line())

    return manage(work)


async def _find(management: Management, prefix: str) -> str:
    if len(prefix) < _SHORTEST_PREFIX:
        raise click.ClickException(f"HASH must have at least {_SHORTEST_PREFIX} characters")
    return await management.find_key(prefix.lower())


def _print_done(key_hash: str, done: str) -> None:
    click.echo(f"Key {key_hash[:_SHOWN_HASH]} is {done}.")


def _print(view: KeyView, as_json: bool) -> None:
    from arouter.accounts.rest_json import key_document

    if as_json:
        print_json({"data": key_document(view)})
    else:
        print_fields(key_document(view))


def _state(key: dict[str, Any]) -> str:
    if key["disabled"]:
        return "disabled"
    expires_at = key["expires_at"]
    return "expired" if expires_at and datetime.fromisoformat(expires_at) <= datetime.now(UTC) else "enabled"


def _row(key: dict[str, Any]) -> tuple[str, ...]:
    limit = shown(key["limit"]) + (f" {key['limit_reset']}" if key["limit"] is not None and key["limit_reset"] else "")
    return (
        key["hash"][:_SHOWN_HASH],
        key["name"],
        key["key_type"],
        shown(key["account"]),
        _state(key),
        limit,
        shown(key["limit_remaining"]),
        shown(key["usage"]),
        shown(key["expires_at"]),
    )
