"""Authenticates every call of a method that requires a key, before its handler runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
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
from arouter.errors import ARouterError, Failure
from arouter.limits.reservation import UNLIMITED, Reservation
from arouter.rpc.access import Access, check_access
from arouter.rpc.context import Context, Handler
from arouter.rpc.envelopes import envelope_of
from arouter.rpc.interceptors.errors import reject_with, stream_handler, with_error_status


class Caller(NamedTuple):
    """The caller of one call.

    Attributes:
        key: The valid key of the call, or the one that stands for a workload.
        request_id: `x-request-id`, which the gateway sets; empty for a direct call without one.
        is_rest: Whether the call came through the gateway's transcoder.
        traceparent: The `traceparent` header, unvalidated; empty if there is none.
        reservation: The call's reservation against the key's limits.
    """

    key: AuthenticatedKey
    request_id: str
    is_rest: bool
    traceparent: str = ""
    reservation: Reservation = UNLIMITED


caller: ContextVar[Caller] = ContextVar("caller")
"""The caller of the current call. Set in the call's own task, so it is not visible to other calls."""


class AuthInterceptor(aio.ServerInterceptor):
    """Sets `caller` for authenticated calls and rejects others with UNAUTHENTICATED.

    Args:
        keys: The known keys.
        look_for_new: Awaited before an unknown key is rejected, because another process may just have created it.
        access: What each method requires, by its name. An unknown method requires a key of any kind.
        takes_workloads: Whether a client certificate may replace the key.
    """

    def __init__(
        self,
        keys: KeyStore,
        look_for_new: Callable[[], Awaitable[None]],
        access: Mapping[str, Access],
        *,
        takes_workloads: bool,
    ) -> None:
        self._keys = keys
        self._look_for_new = look_for_new
        self._access = access
        self._takes_workloads = takes_workloads

    @override
    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        access = self._access.get(handler_call_details.method, Access.ANY_KEY)
        if access is not Access.PUBLIC:
            try:
                sent = _read(handler_call_details.invocation_metadata)
            except ARouterError as error:
                return _refusal(handler_call_details.method, error)
            if sent.secret is None and self._takes_workloads and not sent.is_forwarded:
                handler = await continuation(handler_call_details)
                return handler and self._for_workload(handler_call_details.method, handler, access, sent)
            try:
                key = await self._authenticate(sent.secret)
                check_access(key, access)
                caller.set(Caller(key, sent.request_id, sent.is_rest, sent.traceparent))
            except ARouterError as error:
                return _refusal(handler_call_details.method, error)
        return await continuation(handler_call_details)

    def _for_workload(self, method: str, handler: Handler, access: Access, sent: _Sent) -> Handler:
        """Returns a handler that first checks the client's certificate, which only the call's context contains."""
        inner: Any = handler.stream_stream if handler.response_streaming else handler.stream_unary

        async def handle(messages: Any, context: Context) -> Any:
            key = self._workload(context) or authenticate(None, self._keys)
            check_access(key, access)
            caller.set(Caller(key, sent.request_id, sent.is_rest, sent.traceparent))
            return await inner(messages, context)

        return stream_handler(with_error_status(handle, envelope_of(method)), handler)

    def _workload(self, context: Context) -> AuthenticatedKey | None:
        # Imported only if needed.
        from arouter.rpc.spiffe import spiffe_id

        # Verified in the handshake.
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


class _Sent(NamedTuple):
    """The relevant metadata of a call.

    Attributes:
        secret: The key; empty if `authorization` contains none, None without one of the headers.
        request_id: As in `Caller`.
        is_rest: As in `Caller`.
        traceparent: As in `Caller`.
        is_forwarded: Whether a proxy, such as the gateway, forwarded the call: then the certificate is not the
        caller's.
    """

    secret: str | None
    request_id: str
    is_rest: bool
    traceparent: str
    is_forwarded: bool


def _read(metadata: Any) -> _Sent:
    """Reads the metadata. `authorization` takes precedence over `x-api-key`, and that over `x-goog-api-key`.

    Raises:
        ARouterError: INVALID_API_KEY if one of them is repeated, because proxies may each have read another value.
    """
    authorization = api_key = google_key = None
    request_id = traceparent = ""
    is_rest = is_forwarded = False
    for name, raw in metadata:
        # The value is bytes if it is not UTF-8: not a valid key, but no reason to fail either.
        value = raw if isinstance(raw, str) else raw.decode("latin-1")
        if name == "authorization":
            if authorization is not None:
                raise _twice(name)
            authorization = value
        elif name == "x-api-key":
            if api_key is not None:
                raise _twice(name)
            api_key = value
        elif name == "x-goog-api-key":
            if google_key is not None:
                raise _twice(name)
            google_key = value
        elif name == "x-request-id":
            request_id = value
        elif name == "x-envoy-original-path":
            is_rest = True
        elif name == "traceparent":
            traceparent = value
        elif name == "x-forwarded-for":
            is_forwarded = True
    secret = google_key if api_key is None else api_key
    if authorization is not None:
        scheme, _, rest = authorization.partition(" ")
        secret = rest.strip() if scheme.lower() == "bearer" else ""
    return _Sent(secret, request_id, is_rest, traceparent, is_forwarded)


def _refusal(method: str, error: ARouterError) -> Handler:
    """Returns a handler that rejects the call even if it sends no message."""
    return grpc.stream_stream_rpc_method_handler(reject_with(error, envelope_of(method)))


def _twice(name: str) -> ARouterError:
    return ARouterError(Failure.INVALID_API_KEY, f"The call must not have more than one '{name}'.")
