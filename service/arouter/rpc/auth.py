"""Authenticates every call but health checks and reflection, before its handler runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import grpc
from grpc import aio
from typing_extensions import override

from arouter.accounts.keys import LIVE_PREFIX, MANAGEMENT_PREFIX, ApiKey, KeyStore, authenticate, may_be_new
from arouter.errors import ARouterError, Failure
from arouter.rpc.context import Context
from arouter.rpc.status import abort

_PUBLIC = ("/grpc.health.", "/grpc.reflection.")
_MANAGEMENT = ("/arouter.v1.KeyService/", "/arouter.v1.AccountService/")
_ANY_KEY = ("/arouter.v1.KeyService/GetCurrentKey", "/arouter.v1.UsageService/")


class Caller(NamedTuple):
    """Who is calling.

    Attributes:
        key: The valid key that was sent.
        request_id: `x-request-id`, which the gateway sets; empty for a direct call without one.
        is_rest: Whether the call came through the gateway's transcoder.
        traceparent: The caller's trace, as it came; empty if there is none.
    """

    key: ApiKey
    request_id: str
    is_rest: bool
    traceparent: str = ""


caller: ContextVar[Caller] = ContextVar("caller")
"""The caller of the call that is being handled. Set in the call's own task, so calls cannot see each other's."""


class Authentication(aio.ServerInterceptor):
    """Lets a call through with `caller` set, or ends it with UNAUTHENTICATED.

    Args:
        keys: Knows the keys.
        look_for_new: Awaited before a key is refused that may have been made elsewhere a moment ago.
    """

    def __init__(self, keys: KeyStore, look_for_new: Callable[[], Awaitable[None]]) -> None:
        self._keys = keys
        self._look_for_new = look_for_new

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        if not handler_call_details.method.startswith(_PUBLIC):
            method = handler_call_details.method
            secret, request_id, is_rest, traceparent = _read(handler_call_details.invocation_metadata)
            try:
                key = await self._authenticate(secret)
                _check_type(key, method)
                caller.set(Caller(key, request_id, is_rest, traceparent))
            except ARouterError as error:
                return _refusal(error)
        return await continuation(handler_call_details)

    async def _authenticate(self, secret: str | None) -> ApiKey:
        try:
            return authenticate(secret, self._keys)
        except ARouterError as error:
            if error.failure is not Failure.INVALID_API_KEY or not may_be_new(secret):
                raise
        await self._look_for_new()
        return authenticate(secret, self._keys)


def _check_type(key: ApiKey, method: str) -> None:
    """Keeps the two types of keys to their own methods."""
    if method.startswith(_ANY_KEY):
        return
    if method.startswith(_MANAGEMENT) != (key.key_type == "management"):
        wanted = LIVE_PREFIX if key.key_type == "management" else MANAGEMENT_PREFIX
        raise ARouterError(
            Failure.PERMISSION_DENIED, f"This is a {key.key_type} key. The call needs one that begins with '{wanted}'."
        )


def _read(metadata: Any) -> tuple[str | None, str, bool, str]:
    """Returns the key, the request id, whether the call is REST's, and its trace.

    `authorization` counts before `x-api-key`.
    """
    authorization = api_key = None
    request_id = traceparent = ""
    is_rest = False
    for name, raw in metadata:
        # Bytes where the value is not UTF-8; then it is no key of ours, but neither is it a reason to fail.
        value = raw if isinstance(raw, str) else raw.decode("latin-1")
        if name == "authorization":
            authorization = value
        elif name == "x-api-key":
            api_key = value
        elif name == "x-request-id":
            request_id = value
        elif name == "x-envoy-original-path":
            is_rest = True
        elif name == "traceparent":
            traceparent = value
    if authorization is None:
        return api_key, request_id, is_rest, traceparent
    scheme, _, secret = authorization.partition(" ")
    return (secret.strip() if scheme.lower() == "bearer" else None), request_id, is_rest, traceparent


def _refusal(error: ARouterError) -> grpc.RpcMethodHandler[Any, Any]:
    async def refuse(_request: Any, context: Context) -> None:
        await abort(context, error)

    return grpc.unary_unary_rpc_method_handler(refuse)
