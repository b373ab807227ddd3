"""Converts accounts between protobuf and the management API's JSON documents and records."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from arouter.accounts.records import Account
from arouter.rpc.typed.patch import string_list, values_of
from arouter.v1 import account_service_pb2


def new_account_document(account: account_service_pb2.Account) -> dict[str, Any]:
    """Returns the JSON of a request that creates the same account."""
    return {"id": account.id} | account_fields(account) | {"name": account.name or account.id}


def account_fields(account: account_service_pb2.Account) -> dict[str, Any]:
    """Returns the updatable fields, null where unset."""
    return {
        "name": account.name,
        "providers": values_of(account, "providers"),
        "default_model": account.default_model if account.HasField("default_model") else None,
        "disabled": account.disabled,
    }


def account_to_proto(account: Account) -> account_service_pb2.Account:
    """Returns the protobuf message of an account."""
    return account_service_pb2.Account(
        id=account.id,
        name=account.name,
        providers=string_list(account.providers),
        default_model=account.default_model,
        disabled=account.disabled,
        created_at=Timestamp(seconds=account.created_at),
        updated_at=Timestamp(seconds=account.updated_at),
    )
