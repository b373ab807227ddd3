"""Builds the gateway's routes for gRPC-Web and Connect (docs/decisions/0019).

The filters of the two protocols are enabled on these routes only, which are selected by the path of a method and the
content type. Native gRPC calls have earlier routes, and REST has other paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arouter_gateway.contract import Contract
from arouter_gateway.routes import NO_LIMIT, ON, PUBLIC_METHODS, Route, shown_as, with_context

RPC_PATHS = r"/(arouter\.v1|grpc\.health\.v1|grpc\.reflection\.v1(alpha)?)\..*"
"""The paths of methods, also of those that do not exist."""
GRPC_WEB = r"application/grpc-web(-text)?(\+proto)?"
CONNECT_STREAM = r"application/connect\+proto"
CONNECT_UNARY = r"application/proto"
"""The content types that are served."""
_MAX_PUBLIC_BODY = 4096
PROTOCOL_HEADER = "x-arouter-protocol"
"""The request header with the protocol, for the gateway's own replies: the filters change the content type."""


def early_web_refusals(first_refused_length: int) -> list[Route]:
    """Returns the routes that refuse a call by its headers, before its body is sent.

    Args:
        first_refused_length: The smallest announced size of a body that is too large.
    """
    path = {"safe_regex": {"regex": RPC_PATHS}}
    too_large = {"name": "content-length", "range_match": {"start": first_refused_length, "end": 2**63 - 1}}
    encoding, is_identity = "content-encoding", {"exact": "identity", "ignore_case": True}
    encoded = (
        {"name": encoding, "present_match": True},
        {"name": encoding, "string_match": is_identity, "invert_match": True},
    )
    return [
        route
        for status, headers in ((413, (too_large,)), (415, encoded))
        for route in (_grpc_web_refusal(status, path, *headers), _refusal(status, path, *headers))
    ]


def web_routes(contract: Contract) -> list[Route]:
    """Returns the routes of each method, and those of calls that no method takes."""
    methods = {method: method in contract.streaming for method in contract.methods} | PUBLIC_METHODS
    routes = [route for method, streams in methods.items() for route in _of_method(method, streams=streams)]
    # Methods of a newer service.
    newer = {"prefix": "/arouter.v1."}
    routes += [_grpc_web(newer), _connect_stream(newer), _connect_unary(newer)]
    rpc = {"safe_regex": {"regex": RPC_PATHS}}
    allow = {"response_headers_to_add": [{"header": {"key": "allow", "value": "POST"}}]}
    return [
        *routes,
        # A public method that does not exist, or a path that is no method's.
        _grpc_web_refusal(404, {"prefix": "/"}),
        _refusal(415, rpc, _POST),
        _refusal(405, rpc) | allow,
    ]


def _of_method(method: str, *, streams: bool) -> Iterator[Route]:
    path = {"path": f"/{method}"}
    shown = {"metadata": shown_as(f"/{method}")}
    is_public = method in PUBLIC_METHODS
    yield _grpc_web(path) | shown
    if streams:
        yield _connect_stream(path) | shown
        yield _refusal(415, path, _content_type(CONNECT_UNARY)) | shown
    else:
        yield (_connect_unary_without_key(path) if is_public else _connect_unary(path)) | shown
        yield _refusal(415, path, _content_type(CONNECT_STREAM)) | shown


def _grpc_web(path: Route) -> dict[str, Any]:
    return _call(path, GRPC_WEB, _GRPC_WEB)


def _connect_stream(path: Route) -> dict[str, Any]:
    return _call(path, CONNECT_STREAM, {"web": _mutation("connect-stream"), **_CONNECT})


def _connect_unary(path: Route) -> dict[str, Any]:
    """The bridge buffers the body: as for REST, the key is checked first, and the bytes are counted."""
    filters = {
        **_UNARY,
        "admit": with_context(protocol="connect"),
        "bodies": with_context(reserves=True),
        "read_body": ON,
    }
    return _call(path, CONNECT_UNARY, filters)


def _connect_unary_without_key(path: Route) -> dict[str, Any]:
    """The bridge buffers no more than the service takes without a key."""
    return {**_call(path, CONNECT_UNARY, _UNARY), "request_body_buffer_limit": _MAX_PUBLIC_BODY}


def _call(path: Route, content_type: str, filters: Route) -> dict[str, Any]:
    return {
        "match": {**path, "headers": [_POST, _content_type(content_type)]},
        "route": {"cluster": "service", "timeout": NO_LIMIT},
        "typed_per_filter_config": {**filters, "web_metadata": ON},
    }


def _refusal(status: int, path: Route, *headers: Route) -> dict[str, Any]:
    return {"match": {**path, "headers": list(headers)}, "direct_response": {"status": status}}


def _grpc_web_refusal(status: int, path: Route, *headers: Route) -> dict[str, Any]:
    """The filter sets the content type: the response is empty, and Envoy removes that of empty local replies."""
    return {**_refusal(status, path, _content_type(GRPC_WEB), *headers), "typed_per_filter_config": _GRPC_WEB}


def _content_type(regex: str) -> Route:
    return {"name": "content-type", "string_match": {"safe_regex": {"regex": regex}}}


def _mutation(protocol: str, **more: str) -> Route:
    """Sets the header with the protocol, `te`, which the service requires, and others."""
    headers = {PROTOCOL_HEADER: protocol, "te": "trailers", **{k.replace("_", "-"): v for k, v in more.items()}}
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        "mutations": {
            "request_mutations": [
                {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
                for name, value in headers.items()
            ]
        },
    }


_CONNECT = {"connect": ON, "connect_details": ON}
_POST = {"name": ":method", "string_match": {"exact": "POST"}}
_GRPC_WEB = {"web": _mutation("grpc-web"), "grpc_web": ON}
# Without the version, which clients may leave out, the bridge forwards the call unchanged.
_UNARY = {"web": _mutation("connect", connect_protocol_version="1"), **_CONNECT}
