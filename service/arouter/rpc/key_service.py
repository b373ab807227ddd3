"""Implements `arouter.v1.KeyService`."""

from __future__ import annotations

from google.api.httpbody_pb2 import HttpBody
from typing_extensions import override

from arouter.accounts.management import KeyView, Management
from arouter.accounts.rest_json import current_key_document, key_document
from arouter.accounts.specs import key_patch, new_key
from arouter.rpc.access import Access, requires
from arouter.rpc.actor import actor_of
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.json_body import DELETED, json_body, read_json
from arouter.rpc.typed.key import key_fields, key_to_proto, new_key_document
from arouter.rpc.typed.patch import masked
from arouter.v1 import key_service_pb2 as pb
from arouter.v1.key_service_pb2_grpc import KeyServiceServicer


class KeyService(KeyServiceServicer):
    """Manages keys within the permissions of the calling key: JSON over REST, typed fields over gRPC."""

    def __init__(self, management: Management) -> None:
        self._management = management

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def CreateKey(self, request: pb.CreateKeyRequest, context: Context) -> pb.CreateKeyResponse:
        who = caller.get()
        document = read_json(request.http_body) if who.is_rest else new_key_document(request.key)
        view, secret = await self._management.create_key(new_key(document), actor_of(who))
        if who.is_rest:
            return pb.CreateKeyResponse(http_body=json_body({"data": key_document(view), "key": secret}))
        return pb.CreateKeyResponse(data=key_to_proto(view), key=secret)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def ListKeys(self, request: pb.ListKeysRequest, context: Context) -> pb.ListKeysResponse:
        who = caller.get()
        page = await self._management.list_keys(
            who.key.account,
            page_size=request.page_size,
            page_token=request.page_token,
            offset=request.offset,
            include_disabled=request.include_disabled,
            account=request.account or None,
        )
        if who.is_rest:
            listed = {"data": [*map(key_document, page.items)], "next_page_token": page.next_token or None}
            return pb.ListKeysResponse(http_body=json_body(listed))
        return pb.ListKeysResponse(data=map(key_to_proto, page.items), next_page_token=page.next_token)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def GetKey(self, request: pb.GetKeyRequest, context: Context) -> pb.GetKeyResponse:
        who = caller.get()
        view = await self._management.get_key(request.hash, who.key.account)
        if who.is_rest:
            return pb.GetKeyResponse(http_body=_body(view))
        return pb.GetKeyResponse(data=key_to_proto(view))

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def UpdateKey(self, request: pb.UpdateKeyRequest, context: Context) -> pb.UpdateKeyResponse:
        who = caller.get()
        document = read_json(request.http_body) if who.is_rest else masked(key_fields(request.key), request.update_mask)
        view = await self._management.update_key(request.hash, key_patch(document), actor_of(who))
        if who.is_rest:
            return pb.UpdateKeyResponse(http_body=_body(view))
        return pb.UpdateKeyResponse(data=key_to_proto(view))

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def DeleteKey(self, request: pb.DeleteKeyRequest, context: Context) -> pb.DeleteKeyResponse:
        who = caller.get()
        await self._management.delete_key(request.hash, actor_of(who))
        return pb.DeleteKeyResponse(http_body=DELETED if who.is_rest else None)

    @requires(Access.ANY_KEY)
    @override
    async def GetCurrentKey(self, request: pb.GetCurrentKeyRequest, context: Context) -> pb.GetCurrentKeyResponse:
        who = caller.get()
        view = await self._management.current_key(who.key.hash)
        if who.is_rest:
            return pb.GetCurrentKeyResponse(http_body=json_body({"data": current_key_document(view)}))
        return pb.GetCurrentKeyResponse(data=key_to_proto(view))

    @requires(Access.ANY_KEY)
    @override
    async def CheckKey(self, request: pb.CheckKeyRequest, context: Context) -> pb.CheckKeyResponse:
        return pb.CheckKeyResponse()  # The interceptor has validated the key.


def _body(view: KeyView) -> HttpBody:
    return json_body({"data": key_document(view)})
