"""Authenticates every call of a method that requires a key, before its handler runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

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
from arouter.rpc.interceptors.errors import reject_handler, stream_handler, with_error_status

Metadata: TypeAlias = "Iterable[tuple[str, str | bytes]]"


@dataclass(slots=True)
class Caller:
    """The caller of one call.

    Attributes:
        key: The valid key of the call, or the one that stands for a workload.
        request_id: `x-request-id`, which the gateway sets; empty for a direct call without one.
        is_rest: Whether the call came through the gateway's transcoder.
        traceparent: The `traceparent` header, unvalidated; empty if there is none.
        reservation: The call's reservation against the key's limits, once it is counted.
    """

    key: AuthenticatedKey
    request_id: str
    is_rest: bool
    traceparent: str = ""
    reservation: Reservation = UNLIMITED


caller: ContextVar[Caller] = ContextVar("caller")
"""The caller of the current call. Set in the call's own task, so it is not visible to other calls."""


class Authentication:
    """Sets `caller` for authenticated calls and rejects others with UNAUTHENTICATED.

    Not an interceptor of gRPC's: a chain of those costs each call two coroutines and a closure.

    Args:
        keys: The known keys.
        look_for_new: Awaited before an unknown key is rejected, because another process may just have created it.
        takes_workloads: Whether a client certificate may replace the key.
    """

    def __init__(self, keys: KeyStore, look_for_new: Callable[[], Awaitable[None]], *, takes_workloads: bool) -> None:
        self._keys = keys
        self._look_for_new = look_for_new
        self._takes_workloads = takes_workloads

    def guard(self, method: str, handler: Handler, access: Access, metadata: Metadata) -> Handler:
        """Returns the handler of one call: `handler`, or one that authenticates the call first, or rejects it.

        Args:
            method: The method's name.
            handler: Its handler.
            access: What it requires; not PUBLIC.
            metadata: The call's.
        """
        try:
            sent = _read(metadata)
        except ARouterError as error:
            return reject_handler(error, envelope_of(method))
        if sent.secret is None and self._takes_workloads and not sent.is_forwarded:
            return self._for_workload(method, handler, access, sent)
        try:
            self._admit(authenticate(sent.secret, self._keys), access, sent)
        except ARouterError as error:
            if error.failure is Failure.INVALID_API_KEY and may_be_new(sent.secret):
                return self._for_new_key(method, handler, access, sent)
            return reject_handler(error, envelope_of(method))
        return handler

    def _admit(self, key: AuthenticatedKey, access: Access, sent: _Sent) -> None:
        check_access(key, access)
        caller.set(Caller(key, sent.request_id, sent.is_rest, sent.traceparent))

    def _for_new_key(self, method: str, handler: Handler, access: Access, sent: _Sent) -> Handler:
        """Returns a handler that first looks for a key that has just been created."""

        async def admit(_: Context) -> None:
            await self._look_for_new()
            self._admit(authenticate(sent.secret, self._keys), access, sent)

        return _after(method, admit, handler)

    def _for_workload(self, method: str, handler: Handler, access: Access, sent: _Sent) -> Handler:
        """Returns a handler that first checks the client's certificate, which only the call's context contains."""

        async def admit(context: Context) -> None:
            self._admit(self._workload(context) or authenticate(None, self._keys), access, sent)

        return _after(method, admit, handler)

    def _workload(self, context: Context) -> AuthenticatedKey | None:
        # Imported only if needed.
        from arouter.rpc.spiffe import spiffe_id

        # Verified in the handshake.
        for certificate in context.auth_context().get("x509_pem_cert", ()):
            id_ = spiffe_id(certificate)
            return None if id_ is None else authenticate_workload(id_, self._keys)
        return None


def _after(method: str, admit: Callable[[Context], Awaitable[None]], handler: Handler) -> Handler:
    """Returns a handler that awaits `admit` first."""
    inner: Any = handler.stream_stream if handler.response_streaming else handler.stream_unary

    async def handle(messages: Any, context: Context) -> Any:
        await admit(context)
        return await inner(messages, context)

    return stream_handler(with_error_status(handle, envelope_of(method)), handler)


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


_READ = frozenset(
    {
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-request-id",
        "x-envoy-original-path",
        "traceparent",
        "x-forwarded-for",
    }
)


def _read(metadata: Metadata) -> _Sent:
    """Reads the metadata. `authorization` takes precedence over `x-api-key`, and that over `x-goog-api-key`.

    Raises:
        ARouterError: INVALID_API_KEY if one of them is repeated, because proxies may each have read another value.
    """
    authorization = api_key = google_key = None
    request_id = traceparent = ""
    is_rest = is_forwarded = False
    for name, raw in metadata:
        if name not in _READ:
            continue
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


def _twice(name: str) -> ARouterError:
    return ARouterError(Failure.INVALID_API_KEY, f"The call must not have more than one '{name}'.")
