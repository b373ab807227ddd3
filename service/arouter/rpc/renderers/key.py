"""Reads the requests of `arouter.v1.KeyService` and writes its responses."""

from __future__ import annotations

from typing import Any, Protocol

from typing_extensions import override

from arouter.accounts.management import KeyView
from arouter.accounts.paging import Page
from arouter.accounts.rest_json import current_key_document, key_document
from arouter.rpc.interceptors.auth import Caller
from arouter.rpc.json_body import DELETED, json_body, page_body, read_json
from arouter.rpc.typed.key import key_fields, key_to_proto, new_key_document
from arouter.rpc.typed.patch import masked
from arouter.v1 import key_service_pb2 as pb


class KeyRenderer(Protocol):
    """One form of the requests and responses.

    The methods that read a request return the JSON document of its body. They raise ARouterError with INVALID_REQUEST.
    """

    def read_new(self, request: pb.CreateKeyRequest) -> Any:
        """Returns the document of a new key."""

    def read_patch(self, request: pb.UpdateKeyRequest) -> Any:
        """Returns the merge patch of a key."""

    def created(self, view: KeyView, secret: str) -> pb.CreateKeyResponse:
        """Returns a new key with its secret."""

    def page(self, page: Page[KeyView]) -> pb.ListKeysResponse:
        """Returns a page of keys."""

    def found(self, view: KeyView) -> pb.GetKeyResponse:
        """Returns a key."""

    def updated(self, view: KeyView) -> pb.UpdateKeyResponse:
        """Returns a key after its update."""

    def deleted(self) -> pb.DeleteKeyResponse:
        """Returns the response to a deletion."""

    def current(self, view: KeyView) -> pb.GetCurrentKeyResponse:
        """Returns the calling key."""


class _Rest(KeyRenderer):
    @override
    def read_new(self, request: pb.CreateKeyRequest) -> Any:
        return read_json(request.http_body)

    @override
    def read_patch(self, request: pb.UpdateKeyRequest) -> Any:
        return read_json(request.http_body)

    @override
    def created(self, view: KeyView, secret: str) -> pb.CreateKeyResponse:
        return pb.CreateKeyResponse(http_body=json_body({"data": key_document(view), "key": secret}))

    @override
    def page(self, page: Page[KeyView]) -> pb.ListKeysResponse:
        return pb.ListKeysResponse(http_body=page_body(page, key_document))

    @override
    def found(self, view: KeyView) -> pb.GetKeyResponse:
        return pb.GetKeyResponse(http_body=json_body({"data": key_document(view)}))

    @override
    def updated(self, view: KeyView) -> pb.UpdateKeyResponse:
        return pb.UpdateKeyResponse(http_body=json_body({"data": key_document(view)}))

    @override
    def deleted(self) -> pb.DeleteKeyResponse:
        return pb.DeleteKeyResponse(http_body=DELETED)

    @override
    def current(self, view: KeyView) -> pb.GetCurrentKeyResponse:
        return pb.GetCurrentKeyResponse(http_body=json_body({"data": current_key_document(view)}))


class _Typed(KeyRenderer):
    @override
    def read_new(self, request: pb.CreateKeyRequest) -> Any:
        return new_key_document(request.key)

    @override
    def read_patch(self, request: pb.UpdateKeyRequest) -> Any:
        return masked(key_fields(request.key), request.update_mask)

    @override
    def created(self, view: KeyView, secret: str) -> pb.CreateKeyResponse:
        return pb.CreateKeyResponse(data=key_to_proto(view), key=secret)

    @override
    def page(self, page: Page[KeyView]) -> pb.ListKeysResponse:
        return pb.ListKeysResponse(data=map(key_to_proto, page.items), next_page_token=page.next_token)

    @override
    def found(self, view: KeyView) -> pb.GetKeyResponse:
        return pb.GetKeyResponse(data=key_to_proto(view))

    @override
    def updated(self, view: KeyView) -> pb.UpdateKeyResponse:
        return pb.UpdateKeyResponse(data=key_to_proto(view))

    @override
    def deleted(self) -> pb.DeleteKeyResponse:
        return pb.DeleteKeyResponse()

    @override
    def current(self, view: KeyView) -> pb.GetCurrentKeyResponse:
        return pb.GetCurrentKeyResponse(data=key_to_proto(view))


_REST, _TYPED = _Rest(), _Typed()


def key_renderer(caller: Caller) -> KeyRenderer:
    """Returns the form that the caller uses."""
    return _REST if caller.is_rest else _TYPED
