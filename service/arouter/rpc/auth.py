"""Authenticates every call but health checks and reflection, before its handler runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import grpc
from grpc import aio
from typing_extensions import override

from arouter.accounts.keys import ApiKey, KeyStore, authenticate
from arouter.errors import ARouterError
from arouter.rpc.context import Context
from arouter.rpc.status import abort

_PUBLIC = ("/grpc.health.", "/grpc.reflection.")


class Caller(NamedTuple):
    """Who is calling.

    Attributes:
        key: The valid key that was sent.
        request_id: `x-request-id`, which the gateway sets; empty for a direct call without one.
    """

    key: ApiKey
    request_id: str


caller: ContextVar[Caller] = ContextVar("caller")
"""The caller of the call that is being handled. Set in the call's own task, so calls cannot see each other's."""


class Authentication(aio.ServerInterceptor):
    """Lets a call through with `caller` set, or ends it with UNAUTHENTICATED."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        if not handler_call_details.method.startswith(_PUBLIC):
            secret, request_id = _read(handler_call_details.invocation_metadata)
            try:
                caller.set(Caller(authenticate(secret, self._keys), request_id))
            except ARouterError as error:
                return _refusal(error)
        return await continuation(handler_call_details)


def _read(metadata: Any) -> tuple[str | None, str]:
    """Returns the key and the request id. `authorization` counts before `x-api-key`."""
    authorization = api_key = None
    request_id = ""
    for name, raw in metadata:
        # Bytes where the value is not UTF-8; then it is no key of ours, but neither is it a reason to fail.
        value = raw if isinstance(raw, str) else raw.decode("latin-1")
        if name == "authorization":
            authorization = value
        elif name == "x-api-key":
            api_key = value
        elif name == "x-request-id":
            request_id = value
    if authorization is None:
        return api_key, request_id
    scheme, _, secret = authorization.partition(" ")
    return (secret.strip() if scheme.lower() == "bearer" else None), request_id


def _refusal(error: ARouterError) -> grpc.RpcMethodHandler[Any, Any]:
    async def refuse(_request: Any, context: Context) -> None:
        await abort(context, error)

    return grpc.unary_unary_rpc_method_handler(refuse)
