"""The methods of a server, found by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import grpc
from typing_extensions import override

from arouter.errors import ARouterError, Failure
from arouter.rpc.context import Handler
from arouter.rpc.interceptors.errors import refusing


class MethodTable(grpc.GenericRpcHandler):
    """Takes the place of a server in the generated `add_…Servicer_to_server`, and is added to one as its only handler.

    The generated functions also register each method with gRPC. For registered methods `grpc.aio` (1.85) keeps one
    waiting task each, and looks at all of them whenever a call comes: 60 µs a call with the 27 of ours.

    Args:
        wrap: Makes the handler for gRPC of a method's name and its handler.
    """

    def __init__(self, wrap: Callable[[str, Handler], Handler]) -> None:
        self._wrap = wrap
        self._handlers: dict[str, Handler] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Ignores what `add_registered_method_handlers` is told, too."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Takes the methods of a service, by their names in it."""
        for name, handler in handlers.items():
            method = f"/{service}/{name}"
            self._handlers[method] = self._wrap(method, handler)

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        # For want of one, grpc's own answer would not say why.
        return self._handlers.get(handler_call_details.method) or _unknown()


def _unknown() -> Handler:
    error = ARouterError(Failure.UNIMPLEMENTED, "There is no such method.")
    return grpc.stream_stream_rpc_method_handler(refusing(error))
