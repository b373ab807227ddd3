"""Builds the gateway's routes for gRPC-Web and Connect (docs/decisions/0019).

The filters of the two protocols are enabled on these routes only, which are selected by the path and the content type.
Native gRPC calls have earlier routes, and REST has other paths. There is no route for each method, because Envoy builds
all routes for each of its filter chains when it starts.
"""

from __future__ import annotations

from typing import Any

from arouter_gateway.contract import Contract
from arouter_gateway.routes import NO_LIMIT, ON, POST, PUBLIC_METHODS, Route, shown_as, with_context

RPC_PREFIXES = ("/arouter.v1.", "/grpc.")
"""What the paths of methods begin with."""
GRPC_WEB, CONNECT_STREAM, CONNECT_UNARY = "application/grpc-web", "application/connect+proto", "application/proto"
"""The content types; gRPC-Web has several, which begin with this one."""
_GRPC_WEB_TYPE = rf"{GRPC_WEB}(-text)?(\+proto)?"
"""Those that the filter converts. Others it would forward as they are, and a web page would miss the status."""
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
    too_large = {"name": "content-length", "range_match": {"start": first_refused_length, "end": 2**63 - 1}}
    encoding, is_identity = "content-encoding", {"exact": "identity", "ignore_case": True}
    encoded = (
        {"name": encoding, "present_match": True},
        {"name": encoding, "string_match": is_identity, "invert_match": True},
    )
    return [
        refusal
        for status, headers in ((413, (too_large,)), (415, encoded))
        for prefix in RPC_PREFIXES
        for refusal in (
            _grpc_web_refusal(status, {"prefix": prefix}, *headers),
            _refusal(status, {"prefix": prefix}, *headers),
        )
    ]


def web_routes(contract: Contract) -> list[Route]:
    """Returns the routes of all methods, and of calls that no method takes."""
    streaming = [*contract.streaming, *(method for method, streams in PUBLIC_METHODS.items() if streams)]
    public = [method for method, streams in PUBLIC_METHODS.items() if not streams]
    allow = {"response_headers_to_add": [{"header": {"key": "allow", "value": "POST"}}]}
    return [
        _call(_METHOD, {"safe_regex": {"regex": _GRPC_WEB_TYPE}}, _GRPC_WEB),
        # The filter sets the content type of the response by that of the request.
        _grpc_web_refusal(415, {"safe_regex": {"regex": _METHOD}}, POST)
        | {"typed_per_filter_config": {**_GRPC_WEB, "web": _marked("grpc-web", **{"content-type": GRPC_WEB})}},
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
        *(_refusal(415, {"prefix": prefix}, POST) for prefix in RPC_PREFIXES),
        *(_refusal(405, {"prefix": prefix}) | allow for prefix in RPC_PREFIXES),
    ]


def _call(path_regex: str, content_type: Route, filters: Route) -> Mutable:
    return {
        "match": {"safe_regex": {"regex": path_regex}, "headers": [POST, _content_type(content_type)]},
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
    """Sets the headers with the protocol and the method, and others.

    Removes gRPC's own from Connect calls, as from REST's: a proxy may have added them, and they could end the call.
    """
    removed = [{"remove_on_match": {"key_matcher": {"prefix": "grpc-"}}}] if protocol.startswith("connect") else []
    headers = {PROTOCOL_HEADER: protocol, METHOD_HEADER: "%PATH(NQ)%", **more}
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        "mutations": {
            "request_mutations": [
                *removed,
                *(
                    {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
                    for name, value in headers.items()
                ),
            ]
        },
    }


_GRPC_WEB = {"web": _marked("grpc-web"), "grpc_web": ON}
_CONNECT = {"connect": ON, "connect_details": ON}
# Without the version, which clients may leave out, the bridge forwards the call unchanged.
_UNARY = {"web": _marked("connect", **{"connect-protocol-version": "1"}), **_CONNECT}
# The bridge buffers a unary body: as for REST, the key is checked first, and the bytes are counted.
_BUFFERED = {"admit": with_context(protocol="connect"), "bodies": with_context(reserves=True), "read_body": ON}
