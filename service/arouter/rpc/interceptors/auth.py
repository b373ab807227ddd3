"""Authenticates every call but health checks and reflection, before its handler runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import grpc
from grpc import aio
from typing_extensions import override

from arouter.accounts.keys import (
    AuthenticatedKey,
    KeyStore,
    authenticate,
    authenticate_workload,
    may_be_new,
)
from arouter.accounts.prefixes import LIVE_PREFIX, MANAGEMENT_PREFIX
from arouter.errors import ARouterError, Failure
from arouter.limits.reservation import UNLIMITED, Reservation
from arouter.rpc.context import Context, Handler
from arouter.rpc.interceptors.errors import ending, handler_of, refusing

_PUBLIC = ("/grpc.health.", "/grpc.reflection.")
_MANAGEMENT = ("/arouter.v1.KeyService/", "/arouter.v1.AccountService/", "/arouter.v1.AuditService/")
_ANY_KEY = (
    "/arouter.v1.KeyService/GetCurrentKey",
    "/arouter.v1.KeyService/CheckKey",
    "/arouter.v1.UsageService/",
)


class Caller(NamedTuple):
    """Who is calling.

    Attributes:
        key: The valid key that was sent, or what a workload calls with.
        request_id: `x-request-id`, which the gateway sets; empty for a direct call without one.
        is_rest: Whether the call came through the gateway's transcoder.
        traceparent: The caller's trace, as it came; empty if there is none.
        reservation: What counts the call against the key's limits.
    """

    key: AuthenticatedKey
    request_id: str
    is_rest: bool
    traceparent: str = ""
    reservation: Reservation = UNLIMITED


caller: ContextVar[Caller] = ContextVar("caller")
"""The caller of the call that is being handled. Set in the call's own task, so calls cannot see each other's."""


def is_public(method: str) -> bool:
    """Says whether a method needs no key."""
    return method.startswith(_PUBLIC)


class AuthInterceptor(aio.ServerInterceptor):
    """Lets a call through with `caller` set, or ends it with UNAUTHENTICATED.

    Args:
        keys: Knows the keys.
        look_for_new: Awaited before a key is refused that may have been made elsewhere a moment ago.
        takes_workloads: Whether a client certificate may stand in for a key.
    """

    def __init__(self, keys: KeyStore, look_for_new: Callable[[], Awaitable[None]], *, takes_workloads: bool) -> None:
        self._keys = keys
        self._look_for_new = look_for_new
        self._takes_workloads = takes_workloads

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        method = handler_call_details.method
        if not is_public(method):
            try:
                sent = _read(handler_call_details.invocation_metadata)
            except ARouterError as error:
                return _refusal(error)
            if sent.secret is None and self._takes_workloads and not sent.is_forwarded:
                handler = await continuation(handler_call_details)
                return handler and self._for_workload(handler, method, sent)
            try:
                key = await self._authenticate(sent.secret)
                _check_type(key, method)
                caller.set(Caller(key, sent.request_id, sent.is_rest, sent.traceparent))
            except ARouterError as error:
                return _refusal(error)
        return await continuation(handler_call_details)

    def _for_workload(self, handler: Handler, method: str, sent: _Sent) -> Handler:
        """Returns the handler behind a check of the client's certificate, which only the call's context knows."""
        inner: Any = handler.stream_stream if handler.response_streaming else handler.stream_unary

        async def handle(messages: Any, context: Context) -> Any:
            key = self._workload(context) or authenticate(None, self._keys)
            _check_type(key, method)
            caller.set(Caller(key, sent.request_id, sent.is_rest, sent.traceparent))
            return await inner(messages, context)

        return handler_of(ending(handle), handler)

    def _workload(self, context: Context) -> AuthenticatedKey | None:
        # Imported only where it is wanted.
        from arouter.rpc.spiffe import spiffe_id

        # From the handshake, which has verified it.
        for certificate in context.auth_context().get("x509_pem_cert", ()):
            id_ = spiffe_id(certificate)
            return None if id_ is None else authenticate_workload(id_, self._keys)
        return None

    async def _authenticate(self, secret: str | None) -> AuthenticatedKey:
        try:
            return authenticate(secret, self._keys)
        except ARouterError as error:
            if error.failure is not Failure.INVALID_API_KEY or not may_be_new(secret):
                raise
        await self._look_for_new()
        return authenticate(secret, self._keys)


def _check_type(key: AuthenticatedKey, method: str) -> None:
    """Keeps the two types of keys to their own methods."""
    if method.startswith(_ANY_KEY):
        return
    if method.startswith(_MANAGEMENT) != (key.key_type == "management"):
        wanted = LIVE_PREFIX if key.key_type == "management" else MANAGEMENT_PREFIX
        raise ARouterError(
            Failure.PERMISSION_DENIED, f"This is a {key.key_type} key. The call needs one that begins with '{wanted}'."
        )


class _Sent(NamedTuple):
    """What the metadata says.

    Attributes:
        secret: The key; empty for an `authorization` that has none, None without `authorization` and `x-api-key`.
        request_id: As in `Caller`.
        is_rest: As in `Caller`.
        traceparent: As in `Caller`.
        is_forwarded: Whether somebody forwards it, the gateway for one: then the certificate is not the caller's.
    """

    secret: str | None
    request_id: str
    is_rest: bool
    traceparent: str
    is_forwarded: bool


def _read(metadata: Any) -> _Sent:
    """Reads the metadata. `authorization` counts before `x-api-key`.

    Raises:
        ARouterError: INVALID_API_KEY; one of them is there twice, which proxies on the way may have read differently.
    """
    authorization = api_key = None
    request_id = traceparent = ""
    is_rest = is_forwarded = False
    for name, raw in metadata:
        # Bytes where the value is not UTF-8; then it is no key of ours, but neither is it a reason to fail.
        value = raw if isinstance(raw, str) else raw.decode("latin-1")
        if name == "authorization":
            if authorization is not None:
                raise _twice(name)
            authorization = value
        elif name == "x-api-key":
            if api_key is not None:
                raise _twice(name)
            api_key = value
        elif name == "x-request-id":
            request_id = value
        elif name == "x-envoy-original-path":
            is_rest = True
        elif name == "traceparent":
            traceparent = value
        elif name == "x-forwarded-for":
            is_forwarded = True
    secret = api_key
    if authorization is not None:
        scheme, _, rest = authorization.partition(" ")
        secret = rest.strip() if scheme.lower() == "bearer" else ""
    return _Sent(secret, request_id, is_rest, traceparent, is_forwarded)


def _refusal(error: ARouterError) -> Handler:
    """Returns a handler that needs no message: who sends none is answered all the same."""
    return grpc.stream_stream_rpc_method_handler(refusing(error))


def _twice(name: str) -> ARouterError:
    return ARouterError(Failure.INVALID_API_KEY, f"The call has more than one '{name}'.")
