"""Implements `arouter.v1.KeyService`."""

from __future__ import annotations

from typing_extensions import override

from arouter.accounts.management import Management
from arouter.accounts.specs import key_patch, new_key
from arouter.rpc.access import Access, requires
from arouter.rpc.actor import actor_of
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.renderers.key import key_renderer
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
        renderer = key_renderer(who)
        view, secret = await self._management.create_key(new_key(renderer.read_new(request)), actor_of(who))
        return renderer.created(view, secret)

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
        return key_renderer(who).page(page)

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def GetKey(self, request: pb.GetKeyRequest, context: Context) -> pb.GetKeyResponse:
        who = caller.get()
        return key_renderer(who).found(await self._management.get_key(request.hash, who.key.account))

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def UpdateKey(self, request: pb.UpdateKeyRequest, context: Context) -> pb.UpdateKeyResponse:
        who = caller.get()
        renderer = key_renderer(who)
        patch = key_patch(renderer.read_patch(request))
        return renderer.updated(await self._management.update_key(request.hash, patch, actor_of(who)))

    @requires(Access.MANAGEMENT_KEY)
    @override
    async def DeleteKey(self, request: pb.DeleteKeyRequest, context: Context) -> pb.DeleteKeyResponse:
        who = caller.get()
        await self._management.delete_key(request.hash, actor_of(who))
        return key_renderer(who).deleted()

    @requires(Access.ANY_KEY)
    @override
    async def GetCurrentKey(self, request: pb.GetCurrentKeyRequest, context: Context) -> pb.GetCurrentKeyResponse:
        who = caller.get()
        return key_renderer(who).current(await self._management.current_key(who.key.hash))

    @requires(Access.ANY_KEY)
    @override
    async def CheckKey(self, request: pb.CheckKeyRequest, context: Context) -> pb.CheckKeyResponse:
        return pb.CheckKeyResponse()  # The interceptor has validated the key.
