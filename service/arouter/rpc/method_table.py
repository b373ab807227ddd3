"""The methods of a server by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import grpc
from typing_extensions import override

from arouter.errors import ARouterError, Failure
from arouter.rpc.access import Access, access_of
from arouter.rpc.context import Handler
from arouter.rpc.interceptors.auth import Authentication
from arouter.rpc.interceptors.errors import reject_handler


class MethodTable(grpc.GenericRpcHandler):
    """Replaces the server in the generated `add_…Servicer_to_server`, and is the only handler added to the server.

    The generated functions also register each method with gRPC. For each registered method `grpc.aio` (1.85) keeps a
    waiting task and scans all of them for every call: 60 µs per call with our methods.

    Args:
        wrap: Creates the gRPC handler from a method's name, its handler and its access.
        authentication: Authenticates calls of methods that are not PUBLIC; an unknown method requires a key of any
            kind. None if all methods are PUBLIC.

    Attributes:
        access: What each method requires, by its name.
    """

    def __init__(
        self, wrap: Callable[[str, Handler, Access], Handler], authentication: Authentication | None = None
    ) -> None:
        self.access: dict[str, Access] = {}
        self._wrap = wrap
        self._authentication = authentication
        self._handlers: dict[str, Handler] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Ignored: `add_registered_method_handlers` receives the same handlers."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Adds the methods of a service, by their names within it.

        Raises:
            TypeError: A method does not declare its access.
        """
        for name, handler in handlers.items():
            method = f"/{service}/{name}"
            self.access[method] = access = access_of(method, handler)
            self._handlers[method] = self._wrap(method, handler, access)

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        # Called in the call's own task.
        method = handler_call_details.method
        # Without a handler for unknown methods, gRPC's own error would have no message.
        handler = self._handlers.get(method) or _unknown()
        access = self.access.get(method, Access.ANY_KEY)
        if self._authentication is None or access is Access.PUBLIC:
            return handler
        return self._authentication.guard(method, handler, access, handler_call_details.invocation_metadata or ())


def _unknown() -> Handler:
    error = ARouterError(Failure.UNIMPLEMENTED, "There is no such method.")
    return reject_handler(error, ARouterError.envelope)
