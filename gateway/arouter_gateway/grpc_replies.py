"""The gateway's own replies to native gRPC calls: statuses with details like the service's.

Envoy derives the gRPC code from the HTTP status. The code is repeated in the details, and both must agree.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.rpc.code_pb2 import UNAVAILABLE, UNIMPLEMENTED, UNKNOWN
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status


class Reply(NamedTuple):
    """A reply.

    Attributes:
        status: Envoy's HTTP status.
        code: The gRPC code that Envoy derives from it.
        message: The error message.
        reason: `ErrorInfo.reason`.
        http_status: The HTTP status of that reason.
        type: OpenAI's error type of that reason.
        error_code: The `code` of that reason; empty if it has none.
        retry_after: Seconds after which a retry makes sense, or None.
    """

    status: int
    code: int
    message: str
    reason: str
    http_status: int
    type: str = "invalid_request_error"
    error_code: str = ""
    retry_after: int | None = None


_AWAY = ("UNAVAILABLE", 503, "server_error", "unavailable", 1)
REPLIES = (
    Reply(404, UNIMPLEMENTED, "There is no such method.", "UNIMPLEMENTED", 501),
    Reply(
        408,
        UNKNOWN,
        "The request did not arrive completely in time.",
        "REQUEST_TIMEOUT",
        408,
        error_code="request_timeout",
    ),
    Reply(431, UNKNOWN, "The request's metadata is too large: at most 60 KiB and 100 entries.", "INVALID_REQUEST", 431),
    Reply(503, UNAVAILABLE, "The service is unavailable at the moment. Try again shortly.", *_AWAY),
    Reply(504, UNAVAILABLE, "The service did not respond in time.", *_AWAY),
)


NATIVE = r"application/grpc([+;].*)?"
"""The content type of native gRPC calls, unlike that of gRPC-Web."""


def grpc_replies() -> Sequence[Mapping[str, Any]]:
    """Returns a `local_reply_config` mapper for each status."""
    return [_mapper(reply) for reply in REPLIES]


def encoded_details(reply: Reply) -> str:
    """Returns the value of `grpc-status-details-bin`."""
    return base64.b64encode(details(reply).SerializeToString()).decode("ascii").rstrip("=")


def details(reply: Reply) -> Status:
    """Returns the status with the details that the service's own would have."""
    metadata = {"http_status": str(reply.http_status), "type": reply.type}
    if reply.error_code:
        metadata["code"] = reply.error_code
    status = Status(code=reply.code, message=reply.message)
    status.details.add().Pack(ErrorInfo(reason=reply.reason, domain="arouter", metadata=metadata), deterministic=True)
    if reply.retry_after is not None:
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=reply.retry_after)))
    return status


def _mapper(reply: Reply) -> Mapping[str, Any]:
    added = {"grpc-status-details-bin": encoded_details(reply)}
    if reply.retry_after is not None:
        added["retry-after"] = str(reply.retry_after)
        added["grpc-retry-pushback-ms"] = str(reply.retry_after * 1000)
    status = {"comparison": {"op": "EQ", "value": {"default_value": reply.status, "runtime_key": "unused"}}}
    # A transcoded call looks like gRPC here too, but its original method is in a header.
    is_native = [
        {"header_filter": {"header": {"name": "content-type", "string_match": {"safe_regex": {"regex": NATIVE}}}}},
        {"header_filter": {"header": {"name": "x-envoy-original-method", "present_match": False}}},
    ]
    return {
        "filter": {"and_filter": {"filters": [*is_native, {"status_code_filter": status}]}},
        "headers_to_add": [{"header": {"key": name, "value": value}} for name, value in added.items()],
        "body": {"inline_string": reply.message},
        "body_format_override": {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}},
    }
