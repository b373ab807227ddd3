"""The typed API and the command line have every field that the records of keys and accounts declare."""

from __future__ import annotations

import click

from arouter.accounts.fields import fields_of
from arouter.accounts.records import NewAccount, NewKey, RateLimit
from arouter.cli.key_options import key_options
from arouter.rpc.typed.account import account_fields, new_account_document
from arouter.rpc.typed.key import key_fields, new_key_document
from arouter.sql.tables import accounts, keys
from arouter.v1 import account_service_pb2, key_pb2


def changeable(record: type[NewKey | NewAccount]) -> set[str]:
    return {name for name, field in fields_of(record).items() if not field.fixed}


def test_typed_keys_have_the_declared_fields() -> None:
    assert set(new_key_document(key_pb2.Key())) == set(fields_of(NewKey))
    assert set(key_fields(key_pb2.Key())) == changeable(NewKey)
    assert set(key_pb2.RateLimit.DESCRIPTOR.fields_by_name) == set(RateLimit.__struct_fields__)


def test_typed_accounts_have_the_declared_fields() -> None:
    assert set(new_account_document(account_service_pb2.Account())) == set(fields_of(NewAccount))
    assert set(account_fields(account_service_pb2.Account())) == changeable(NewAccount)


def test_tables_have_the_declared_fields() -> None:
    apart = {"limit": {"limit_nanos"}, "rate_limit": set(RateLimit.__struct_fields__)}
    columns = set().union(*(apart.get(name, {name}) for name in fields_of(NewKey)))

    assert columns <= set(keys.c.keys())
    assert set(fields_of(NewAccount)) <= set(accounts.c.keys())


def test_the_command_line_sets_every_field() -> None:
    @key_options
    @click.command
    def command() -> None: ...

    options = {option.name for option in command.params}
    set_elsewhere = {"name", "disabled", "key_type", "account"}

    named = {"expires_at": {"expires"}, "rate_limit": set(RateLimit.__struct_fields__)}
    assert options == set().union(*(named.get(name, {name}) for name in set(fields_of(NewKey)) - set_elsewhere))
