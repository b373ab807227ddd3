"""Reads the requests of `arouter.v1.AccountService` and writes its responses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from typing_extensions import override

from arouter.accounts.paging import Page
from arouter.accounts.records import Account
from arouter.accounts.rest_json import account_document
from arouter.errors import ARouterError
from arouter.rpc.interceptors.auth import Caller
from arouter.rpc.json_body import DELETED, json_body, page_body, read_json
from arouter.rpc.typed.account import account_fields, account_to_proto, new_account_document
from arouter.rpc.typed.patch import masked
from arouter.v1 import account_service_pb2 as pb


class AccountRenderer(Protocol):
    """One form of the requests and responses.

    The methods that read a request return the JSON document of its body. They raise ARouterError with INVALID_REQUEST.
    """

    def errors(self) -> AbstractContextManager[None]:
        """Returns a context whose errors name the account's id as this form does."""

    def read_new(self, request: pb.CreateAccountRequest) -> Any:
        """Returns the document of a new account."""

    def read_patch(self, request: pb.UpdateAccountRequest) -> Any:
        """Returns the merge patch of an account."""

    def created(self, account: Account) -> pb.CreateAccountResponse:
        """Returns a new account."""

    def page(self, page: Page[Account]) -> pb.ListAccountsResponse:
        """Returns a page of accounts."""

    def found(self, account: Account) -> pb.GetAccountResponse:
        """Returns an account."""

    def updated(self, account: Account) -> pb.UpdateAccountResponse:
        """Returns an account after its update."""

    def deleted(self) -> pb.DeleteAccountResponse:
        """Returns the response to a deletion."""


class _Rest(AccountRenderer):
    @override
    def errors(self) -> AbstractContextManager[None]:
        return nullcontext()

    @override
    def read_new(self, request: pb.CreateAccountRequest) -> Any:
        return read_json(request.http_body)

    @override
    def read_patch(self, request: pb.UpdateAccountRequest) -> Any:
        return read_json(request.http_body)

    @override
    def created(self, account: Account) -> pb.CreateAccountResponse:
        return pb.CreateAccountResponse(http_body=json_body({"data": account_document(account)}))

    @override
    def page(self, page: Page[Account]) -> pb.ListAccountsResponse:
        return pb.ListAccountsResponse(http_body=page_body(page, account_document))

    @override
    def found(self, account: Account) -> pb.GetAccountResponse:
        return pb.GetAccountResponse(http_body=json_body({"data": account_document(account)}))

    @override
    def updated(self, account: Account) -> pb.UpdateAccountResponse:
        return pb.UpdateAccountResponse(http_body=json_body({"data": account_document(account)}))

    @override
    def deleted(self) -> pb.DeleteAccountResponse:
        return pb.DeleteAccountResponse(http_body=DELETED)


class _Typed(AccountRenderer):
    @override
    @contextmanager
    def errors(self) -> Iterator[None]:
        # The id is the field `account_id` of the request.
        try:
            yield
        except ARouterError as error:
            error.rename_param(lambda param: "account_id" if param == "id" else param)
            raise

    @override
    def read_new(self, request: pb.CreateAccountRequest) -> Any:
        return new_account_document(request.account)

    @override
    def read_patch(self, request: pb.UpdateAccountRequest) -> Any:
        return masked(account_fields(request.account), request.update_mask)

    @override
    def created(self, account: Account) -> pb.CreateAccountResponse:
        return pb.CreateAccountResponse(data=account_to_proto(account))

    @override
    def page(self, page: Page[Account]) -> pb.ListAccountsResponse:
        return pb.ListAccountsResponse(data=map(account_to_proto, page.items), next_page_token=page.next_token)

    @override
    def found(self, account: Account) -> pb.GetAccountResponse:
        return pb.GetAccountResponse(data=account_to_proto(account))

    @override
    def updated(self, account: Account) -> pb.UpdateAccountResponse:
        return pb.UpdateAccountResponse(data=account_to_proto(account))

    @override
    def deleted(self) -> pb.DeleteAccountResponse:
        return pb.DeleteAccountResponse()


_REST, _TYPED = _Rest(), _Typed()


def account_renderer(caller: Caller) -> AccountRenderer:
    """Returns the form that the caller uses."""
    return _REST if caller.is_rest else _TYPED
