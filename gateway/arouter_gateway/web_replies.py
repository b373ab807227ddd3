"""The gateway's own replies to gRPC-Web and Connect calls, in the form that each protocol has for errors.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md, https://connectrpc.com/docs/protocol
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from google.rpc.code_pb2 import INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED, Code
from google.rpc.status_pb2 import Status

from arouter_gateway.grpc_replies import REPLIES, Reply, details, encoded_details
from arouter_gateway.web_routes import CONNECT_STREAM, GRPC_WEB, PROTOCOL_HEADER, RPC_PREFIXES

_END_OF_STREAM = 2
"""The flag of the last message of a Connect stream."""
_INVALID = ("INVALID_REQUEST", 400)

_NOT_POSTED = Reply(405, UNIMPLEMENTED, "Methods are called with POST.", "INVALID_REQUEST", 405)
_UNSUPPORTED = Reply(
    415,
    UNIMPLEMENTED,
    "This content is not supported. Send gRPC-Web as application/grpc-web+proto or application/grpc-web-text. Send"
    " Connect as application/proto if the method has no stream, else as application/connect+proto. JSON and"
    " content-encoding are not supported.",
    "INVALID_REQUEST",
    415,
)
_FAILED = Reply(
    500,
    INTERNAL,
    "The gateway could not process this request, or the response is too large for it.",
    "INTERNAL",
    500,
    "server_error",
    "internal_error",
)
_REFUSED = Reply(400, INVALID_ARGUMENT, "The gateway refused this request: it is malformed.", *_INVALID)


def web_replies(too_large_message: str) -> Sequence[Mapping[str, Any]]:
    """Returns a `local_reply_config` mapper for each protocol and status.

    Args:
        too_large_message: The error message of a 413.
    """
    too_large = Reply(413, INVALID_ARGUMENT, too_large_message, "PAYLOAD_TOO_LARGE", 413)
    exact = [(reply, "EQ") for reply in (*REPLIES, too_large, _NOT_POSTED, _UNSUPPORTED)]
    others = [(_FAILED, "GE"), (_REFUSED, "GE")]
    mappers = [
        {"filter": _all(is_protocol, _status_is(reply.status, op)), **form(reply)}
        for is_protocol, form in _protocols()
        for reply, op in (*exact, *others)
    ]
    json_stream = CONNECT_STREAM.replace("proto", "json")
    is_json_stream = _all(_IS_RPC, _has("content-type", exact=json_stream), _status_is(400, "GE"))
    return [{"filter": is_json_stream, **_connect_stream(json_stream)(_UNSUPPORTED)}, *mappers]


def _grpc_web(reply: Reply) -> Mapping[str, Any]:
    """A response without messages has its status in the headers."""
    status = {
        "grpc-status": str(reply.code),
        "grpc-message": reply.message,
        "grpc-status-details-bin": encoded_details(reply),
    }
    return {"status_code": 200, **_headers(reply, status), **_body(b"", "application/grpc-web+proto")}


def _connect(reply: Reply) -> Mapping[str, Any]:
    return {**_headers(reply, {}), **_body(_json(_connect_error(reply)), "application/json")}


def _connect_stream(content_type: str) -> Callable[[Reply], Mapping[str, Any]]:
    def form(reply: Reply) -> Mapping[str, Any]:
        end = _json({"error": _connect_error(reply)})
        message = struct.pack(">BI", _END_OF_STREAM, len(end)) + end
        return {"status_code": 200, **_headers(reply, {}), **_body(message, content_type)}

    return form


def _connect_error(reply: Reply) -> Mapping[str, Any]:
    status: Status = details(reply)
    return {
        "code": Code.Name(reply.code).lower(),
        "message": reply.message,
        "details": [
            {
                "type": each.type_url.rpartition("/")[2],
                "value": base64.b64encode(each.value).decode("ascii").rstrip("="),
            }
            for each in status.details
        ],
    }


def _headers(reply: Reply, values: Mapping[str, str]) -> Mapping[str, Any]:
    if reply.retry_after is not None:
        values = {**values, "retry-after": str(reply.retry_after)}
    return {
        "headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for name, value in values.items()
        ]
    }


def _body(body: bytes, content_type: str) -> Mapping[str, Any]:
    # A `%` begins a command in Envoy's formats.
    source = {"inline_bytes": base64.b64encode(body.replace(b"%", b"%%")).decode("ascii")}
    return {"body_format_override": {"text_format_source": source, "content_type": content_type}}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _all(*filters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"and_filter": {"filters": list(filters)}}


def _any(*filters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"or_filter": {"filters": list(filters)}}


def _status_is(status: int, op: str) -> Mapping[str, Any]:
    return {
        "status_code_filter": {"comparison": {"op": op, "value": {"default_value": status, "runtime_key": "unused"}}}
    }


def _header(name: str, **match: Any) -> Mapping[str, Any]:
    return {"header_filter": {"header": {"name": name, **match}}}


def _has(name: str, **match: str) -> Mapping[str, Any]:
    return _header(name, string_match=match)


def _protocols() -> Iterator[tuple[Mapping[str, Any], Callable[[Reply], Mapping[str, Any]]]]:
    """Yields what calls of each protocol are recognized by, and its form.

    Their routes set a header with the protocol. A call that has no route is recognized by its content type.
    """
    is_grpc_web = _all(_IS_RPC, _has("content-type", prefix=GRPC_WEB))
    yield _any(_has(PROTOCOL_HEADER, exact="grpc-web"), is_grpc_web), _grpc_web
    is_stream = _all(_IS_RPC, _has("content-type", exact=CONNECT_STREAM))
    yield _any(_has(PROTOCOL_HEADER, exact="connect-stream"), is_stream), _connect_stream(CONNECT_STREAM)
    not_grpc = {"invert_match": True, "treat_missing_header_as_empty": True}
    is_unary = _all(_IS_RPC, _header("content-type", string_match={"prefix": "application/grpc"}, **not_grpc))
    yield _any(_has(PROTOCOL_HEADER, exact="connect"), is_unary), _connect


_IS_RPC = _any(*(_has(":path", prefix=prefix) for prefix in RPC_PREFIXES))
