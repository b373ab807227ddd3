"""Implements `arouter.v1.RoutingService`."""

from __future__ import annotations

import time

from typing_extensions import override

from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import parse_chat_request
from arouter.errors import ARouterError
from arouter.planning.explain import verdict
from arouter.planning.planner import Planner
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context, remaining_of
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.typed.paths import typed_path
from arouter.rpc.typed.request import typed_chat
from arouter.rpc.typed.route import planned_route
from arouter.v1.route_pb2 import RouteVerdict
from arouter.v1.routing_service_pb2 import ExplainRouteRequest, ExplainRouteResponse
from arouter.v1.routing_service_pb2_grpc import RoutingServiceServicer


class RoutingService(RoutingServiceServicer):
    """Explains plans without executing them: calls no provider, uses no limit and writes no record.

    Args:
        planner: Makes the plans.
        catalogue: All models.
    """

    def __init__(self, planner: Planner, catalogue: Catalogue) -> None:
        self._planner = planner
        self._catalogue = catalogue

    @requires(Access.REGULAR_KEY)
    @override
    async def ExplainRoute(self, request: ExplainRouteRequest, context: Context) -> ExplainRouteResponse:
        if request.HasField("http_body"):
            chat = parse_chat_request(request.http_body.data)
        else:
            try:
                chat = typed_chat(request.chat_request, stream=False)
            except ARouterError as error:
                error.rename_param(typed_path)
                raise
        key = caller.get().key
        plan = self._planner.plan(chat, key, time.monotonic(), remaining_of(context), explain=True)
        response = ExplainRouteResponse(route=planned_route(plan))
        if request.why_not:
            found = verdict(request.why_not, plan, self._catalogue, key)
            response.why_not.CopyFrom(RouteVerdict(model=request.why_not, verdict=found.name, reason=found.reason))
        return response
