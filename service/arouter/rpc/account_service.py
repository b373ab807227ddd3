"""Implements `arouter.v1.AccountService`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from google.api.httpbody_pb2 import HttpBody
from typing_extensions import override

from arouter.accounts.management import Management
from arouter.accounts.records import Account
from arouter.accounts.rest_json import account_document
from arouter.accounts.specs import account_patch, new_account
from arouter.errors import ARouterError
from arouter.rpc.access import Access, requires
from arouter.rpc.actor import actor_of
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import Caller, caller
from arouter.rpc.json_body import DELETED, json_body, read_json
from arouter.rpc.typed.account import account_fields, account_to_proto, new_account_document
from arouter.rpc.typed.patch import masked
from arouter.v1 import account_service_pb2 as pb
from arouter.v1.account_service_pb2_grpc import AccountServiceServicer


class AccountService(AccountServiceServicer):
    """Manages accounts within the permissions of the calling key: JSON over REST, typed fields over gRPC."""

    def __init__(self, management: Management) -> None:
        self._management = management

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def CreateAccount(self, request: pb.CreateAccountRequest, context: Context) -> pb.CreateAccountResponse:
        who = caller.get()
        document = read_json(request.http_body) if who.is_rest else new_account_document(request.account)
        account = await self._management.create_account(new_account(document), actor_of(who))
        if who.is_rest:
            return pb.CreateAccountResponse(http_body=_body(account))
        return pb.CreateAccountResponse(data=account_to_proto(account))

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Context) -> pb.ListAccountsResponse:
        who = caller.get()
        page = await self._management.list_accounts(
            who.key.account, page_size=request.page_size, page_token=request.page_token
        )
        if who.is_rest:
            listed = {"data": [*map(account_document, page.items)], "next_page_token": page.next_token or None}
            return pb.ListAccountsResponse(http_body=json_body(listed))
        return pb.ListAccountsResponse(data=map(account_to_proto, page.items), next_page_token=page.next_token)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def GetAccount(self, request: pb.GetAccountRequest, context: Context) -> pb.GetAccountResponse:
        who = caller.get()
        with _named(who):
            account = await self._management.get_account(request.account_id, who.key.account)
        if who.is_rest:
            return pb.GetAccountResponse(http_body=_body(account))
        return pb.GetAccountResponse(data=account_to_proto(account))

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def UpdateAccount(self, request: pb.UpdateAccountRequest, context: Context) -> pb.UpdateAccountResponse:
        who = caller.get()
        if who.is_rest:
            document = read_json(request.http_body)
        else:
            document = masked(account_fields(request.account), request.update_mask)
        with _named(who):
            account = await self._management.update_account(request.account_id, account_patch(document), actor_of(who))
        if who.is_rest:
            return pb.UpdateAccountResponse(http_body=_body(account))
        return pb.UpdateAccountResponse(data=account_to_proto(account))

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def DeleteAccount(self, request: pb.DeleteAccountRequest, context: Context) -> pb.DeleteAccountResponse:
        who = caller.get()
        with _named(who):
            await self._management.delete_account(request.account_id, actor_of(who))
        return pb.DeleteAccountResponse(http_body=DELETED if who.is_rest else None)


@contextmanager
def _named(who: Caller) -> Iterator[None]:
    """Replaces the path of the account's id in errors over gRPC, where it is a field of the request."""
    try:
        yield
    except ARouterError as error:
        if not who.is_rest:
            error.rename_param(lambda param: "account_id" if param == "id" else param)
        raise


def _body(account: Account) -> HttpBody:
    return json_body({"data": account_document(account)})
