"""Implements `arouter.v1.AccountService`."""

from __future__ import annotations

from typing_extensions import override

from arouter.accounts.management import Management
from arouter.accounts.specs import account_patch, new_account
from arouter.rpc.access import Access, requires
from arouter.rpc.actor import actor_of
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.renderers.account import account_renderer
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
        renderer = account_renderer(who)
        account = await self._management.create_account(new_account(renderer.read_new(request)), actor_of(who))
        return renderer.created(account)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Context) -> pb.ListAccountsResponse:
        who = caller.get()
        page = await self._management.list_accounts(
            who.key.account, page_size=request.page_size, page_token=request.page_token
        )
        return account_renderer(who).page(page)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def GetAccount(self, request: pb.GetAccountRequest, context: Context) -> pb.GetAccountResponse:
        who = caller.get()
        renderer = account_renderer(who)
        with renderer.errors():
            account = await self._management.get_account(request.account_id, who.key.account)
        return renderer.found(account)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def UpdateAccount(self, request: pb.UpdateAccountRequest, context: Context) -> pb.UpdateAccountResponse:
        who = caller.get()
        renderer = account_renderer(who)
        document = renderer.read_patch(request)
        with renderer.errors():
            account = await self._management.update_account(request.account_id, account_patch(document), actor_of(who))
        return renderer.updated(account)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def DeleteAccount(self, request: pb.DeleteAccountRequest, context: Context) -> pb.DeleteAccountResponse:
        who = caller.get()
        renderer = account_renderer(who)
        with renderer.errors():
            await self._management.delete_account(request.account_id, actor_of(who))
        return renderer.deleted()
