"""Clients of gRPC-Web and Connect, written from the specifications, so that they tolerate no deviation.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md, https://connectrpc.com/docs/protocol
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from support.rest import Answer, Rest

GRPC_WEB = "application/grpc-web+proto"
GRPC_WEB_TEXT = "application/grpc-web-text"
CONNECT_UNARY = "application/proto"
CONNECT_STREAM = "application/connect+proto"
TRAILERS, END_OF_STREAM = 0x80, 0x02


class Called(NamedTuple):
    """What a call ended with.

    Attributes:
        code: The status' code, in lower case as in Connect.
        message: The status' message.
        reason: `ErrorInfo.reason`, empty if there is none.
        retry_after: The seconds of `RetryInfo`, or None.
        messages: What was received before.
        metadata: Headers and trailers.
    """

    code: str
    message: str
    reason: str
    retry_after: int | None
    messages: list[bytes]
    metadata: dict[str, str]


def framed(message: bytes, flags: int = 0) -> bytes:
    """Returns a message with the prefix that all protocols except unary Connect have."""
    return struct.pack(">BI", flags, len(message)) + message


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """Returns the flags and the content of each message; checks that nothing is left."""
    found = []
    while body:
        flags, size = struct.unpack_from(">BI", body)
        assert len(body) >= 5 + size, body
        found.append((flags, body[5 : 5 + size]))
        body = body[5 + size :]
    return found


def grpc_web(rest: Rest, path: str, message: bytes, headers: Mapping[str, str] | None = None) -> Called:
    """Makes a call with gRPC-Web in binary."""
    sent = {"content-type": GRPC_WEB, "x-grpc-web": "1", **(headers or {})}
    return read_grpc_web(rest.request("POST", path, framed(message), sent))


def grpc_web_text(rest: Rest, path: str, message: bytes, headers: Mapping[str, str] | None = None) -> Called:
    """Makes a call with gRPC-Web in base64."""
    sent = {"content-type": GRPC_WEB_TEXT, "accept": GRPC_WEB_TEXT, **(headers or {})}
    answer = rest.request("POST", path, base64.b64encode(framed(message)), sent)
    assert answer.headers["content-type"] == f"{GRPC_WEB_TEXT}+proto"
    binary = b"".join(_pieces(answer.body))
    return read_grpc_web(answer._replace(headers=answer.headers | {"content-type": GRPC_WEB}, body=binary))


def connect_unary(rest: Rest, path: str, message: bytes, headers: Mapping[str, str] | None = None) -> Called:
    """Makes a unary call with Connect."""
    sent = {"content-type": CONNECT_UNARY, "connect-protocol-version": "1", **(headers or {})}
    return read_connect_unary(rest.request("POST", path, message, sent))


def connect_stream(rest: Rest, path: str, message: bytes, headers: Mapping[str, str] | None = None) -> Called:
    """Makes a call with a stream of responses with Connect."""
    sent = {"content-type": CONNECT_STREAM, "connect-protocol-version": "1", **(headers or {})}
    return read_connect_stream(rest.request("POST", path, framed(message), sent))


UNARY: Mapping[str, Callable[..., Called]] = {
    "gRPC-Web": grpc_web,
    "gRPC-Web text": grpc_web_text,
    "Connect": connect_unary,
}
STREAMING: Mapping[str, Callable[..., Called]] = {
    "gRPC-Web": grpc_web,
    "gRPC-Web text": grpc_web_text,
    "Connect": connect_stream,
}


def read_grpc_web(answer: Answer) -> Called:
    """Reads a response, whose status is in its headers if it has no body, else in a last message of its own."""
    assert (answer.status, answer.headers["content-type"]) == (200, GRPC_WEB), answer
    received, trailers = frames(answer.body), answer.headers
    if "grpc-status" in trailers:
        assert received == []
    else:
        *received, (flags, last) = received
        assert (flags, last[-2:]) == (TRAILERS, b"\r\n")
        trailers = dict(line.split(":", 1) for line in last.decode("ascii").removesuffix("\r\n").split("\r\n"))
        assert all(name == name.lower() for name in trailers)
    assert {flags for flags, _ in received} <= {0}
    details = trailers.get("grpc-status-details-bin", "")
    status = Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    code = int(trailers["grpc-status"])
    assert status.code in (0, code)
    return _called(
        Code.Name(code).lower(),
        trailers.get("grpc-message", ""),
        {each.type_url.removeprefix("type.googleapis.com/"): each.value for each in status.details},
        [message for _, message in received],
        answer.headers | trailers,
    )


def read_connect_unary(answer: Answer) -> Called:
    """Reads a response, which is a message, or an error as JSON."""
    if answer.status == 200:
        assert answer.headers["content-type"] == CONNECT_UNARY
        return _called("ok", "", {}, [answer.body], answer.headers)
    assert answer.headers["content-type"] == "application/json", answer
    return _connect_error(answer.json, [], answer.headers)


def read_connect_stream(answer: Answer, content_type: str = CONNECT_STREAM) -> Called:
    """Reads a response, whose last message is JSON with the error, if there is one."""
    assert (answer.status, answer.headers["content-type"]) == (200, content_type), answer
    *received, (flags, last) = frames(answer.body)
    assert flags == END_OF_STREAM
    assert {flags for flags, _ in received} <= {0}
    end = json.loads(last)
    assert end.keys() <= {"error", "metadata"}
    messages = [message for _, message in received]
    metadata = answer.headers | {name: values[0] for name, values in end.get("metadata", {}).items()}
    if "error" not in end:
        return _called("ok", "", {}, messages, metadata)
    return _connect_error(end["error"], messages, metadata)


def _connect_error(error: Mapping[str, Any], messages: list[bytes], metadata: dict[str, str]) -> Called:
    assert error.keys() <= {"code", "message", "details"}
    details = {}
    for detail in error.get("details", []):
        assert detail.keys() == {"type", "value"}
        details[detail["type"]] = base64.b64decode(detail["value"] + "==")
    return _called(error["code"], error["message"], details, messages, metadata)


def _called(
    code: str, message: str, details: Mapping[str, bytes], messages: list[bytes], metadata: dict[str, str]
) -> Called:
    """Checks that clients get nothing that is for REST, and that all details are known."""
    assert not {name for name in metadata if name.endswith(("x-arouter-error", "x-arouter-status"))}
    assert details.keys() <= {"google.rpc.ErrorInfo", "google.rpc.RetryInfo"}
    info = ErrorInfo.FromString(details.get("google.rpc.ErrorInfo", b""))
    retry = details.get("google.rpc.RetryInfo")
    seconds = None if retry is None else RetryInfo.FromString(retry).retry_delay.seconds
    return Called(code, message, info.reason, seconds, messages, metadata)


def _pieces(body: bytes) -> list[bytes]:
    """Decodes base64 that may be padded within."""
    assert len(body) % 4 == 0
    return [base64.b64decode(body[at : at + 4], validate=True) for at in range(0, len(body), 4)]
