"""Builds the gateway's routes for gRPC-Web and Connect (docs/decisions/0019).

The filters of the two protocols are enabled on these routes only, which are selected by the path and the content type.
Native gRPC calls have earlier routes, and REST has other paths. There is no route for each method, because Envoy builds
all routes for each of its filter chains when it starts.
"""

from __future__ import annotations

from typing import Any

from arouter_gateway.contract import Contract
from arouter_gateway.routes import (
    ENCODED_BODY,
    NO_LIMIT,
    ON,
    PUBLIC_METHODS,
    Route,
    large_body,
    set_header,
    shown_as,
    with_context,
)

RPC_PREFIXES = ("/arouter.v1.", "/grpc.")
"""What the paths of methods begin with."""
GRPC_WEB, CONNECT_STREAM, CONNECT_UNARY = "application/grpc-web", "application/connect+proto", "application/proto"
"""The content types that are served; gRPC-Web has several, which begin with this one."""
PROTOCOL_HEADER = "x-arouter-protocol"
"""The request header with the protocol, for the gateway's own replies: the filters change the content type."""
METHOD_HEADER = "x-arouter-method"
"""The request header with the path of the method, for the access log."""
_METHOD = r"/(arouter\.v1|grpc\.(health\.v1|reflection\.v1(alpha)?))\.[A-Za-z]+/[A-Za-z]+"
_OUR_METHOD = r"/arouter\.v1\.[A-Za-z]+/[A-Za-z]+"
"""The paths of methods, also of those of a newer service."""
_MAX_PUBLIC_BODY = 4096

Mutable = dict[str, Any]


def early_web_refusals(first_refused_length: int) -> list[Route]:
    """Returns the routes that refuse a call by its headers, before its body is sent.

    Args:
        first_refused_length: The smallest announced size of a body that is too large.
    """
    return [
        refusal
        for status, headers in ((413, (large_body(first_refused_length),)), (415, ENCODED_BODY))
        for prefix in RPC_PREFIXES
        for refusal in (
            _grpc_web_refusal(status, {"prefix": prefix}, *headers),
            _refusal(status, {"prefix": prefix}, *headers),
        )
    ]


def web_routes(contract: Contract) -> list[Route]:
    """Returns the routes of all methods, and the refusals of other calls."""
    streaming = [*contract.streaming, *(method for method, streams in PUBLIC_METHODS.items() if streams)]
    public = [method for method, streams in PUBLIC_METHODS.items() if not streams]
    allow = {"response_headers_to_add": [{"header": {"key": "allow", "value": "POST"}}]}
    return [
        _call(_METHOD, {"prefix": GRPC_WEB}, _GRPC_WEB),
        _call(_METHOD, {"exact": CONNECT_STREAM}, {"web": _marked("connect-stream"), **_CONNECT}),
        # The bridge would put the messages one after the other, without their lengths.
        *(
            _refusal(415, {"path": f"/{method}"}, _content_type({"exact": CONNECT_UNARY}))
            | {"metadata": shown_as(f"/{method}")}
            for method in sorted(streaming)
        ),
        *(_public_call(method) for method in public),
        _call(_OUR_METHOD, {"exact": CONNECT_UNARY}, _UNARY | _BUFFERED),
        _grpc_web_refusal(404, {"prefix": "/"}),
        *(_refusal(415, {"prefix": prefix}, _POST) for prefix in RPC_PREFIXES),
        *(_refusal(405, {"prefix": prefix}) | allow for prefix in RPC_PREFIXES),
    ]


def _call(path_regex: str, content_type: Route, filters: Route) -> Mutable:
    return {
        "match": {"safe_regex": {"regex": path_regex}, "headers": [_POST, _content_type(content_type)]},
        "route": {"cluster": "service", "timeout": NO_LIMIT},
        "typed_per_filter_config": {**filters, "web_metadata": ON},
    }


def _public_call(method: str) -> Route:
    """The bridge buffers no more than the service takes without a key."""
    call = _call(f"/{method}".replace(".", r"\."), {"exact": CONNECT_UNARY}, _UNARY)
    return {**call, "request_body_buffer_limit": _MAX_PUBLIC_BODY}


def _refusal(status: int, path: Route, *headers: Route) -> Mutable:
    return {"match": {**path, "headers": list(headers)}, "direct_response": {"status": status}}


def _grpc_web_refusal(status: int, path: Route, *headers: Route) -> Mutable:
    """The filter sets the content type: the response is empty, and Envoy removes that of empty local replies."""
    refusal = _refusal(status, path, _content_type({"prefix": GRPC_WEB}), *headers)
    return {**refusal, "typed_per_filter_config": _GRPC_WEB}


def _content_type(match: Route) -> Route:
    return {"name": "content-type", "string_match": match}


def _marked(protocol: str, **more: str) -> Route:
    """Sets the request headers with the protocol and the method, `te`, which gRPC requires, and `more`.

    Removes gRPC's headers from Connect calls, as from REST calls: a proxy may have added them, and they could end the
    call.
    """
    removed = [{"remove_on_match": {"key_matcher": {"prefix": "grpc-"}}}] if protocol.startswith("connect") else []
    headers = {PROTOCOL_HEADER: protocol, METHOD_HEADER: "%PATH(NQ)%", "te": "trailers", **more}
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        "mutations": {
            "request_mutations": [
                *removed,
                *({"append": set_header(name, value)} for name, value in headers.items()),
            ]
        },
    }


_POST = {"name": ":method", "string_match": {"exact": "POST"}}
_GRPC_WEB = {"web": _marked("grpc-web"), "grpc_web": ON}
_CONNECT = {"connect": ON, "connect_details": ON}
# Without the version, which clients may leave out, the bridge forwards the call unchanged.
_UNARY = {"web": _marked("connect", **{"connect-protocol-version": "1"}), **_CONNECT}
# The bridge buffers a unary body: as for REST, the key is checked first, and the bytes are counted.
_BUFFERED = {"admit": with_context(protocol="connect"), "bodies": with_context(reserves=True), "read_body": ON}
