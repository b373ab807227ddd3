"""What has the content type of a gRPC call and is none ends with an error of its own.

The service resets the stream of such a call. The gateway would count that as a failed connection and, after three of
them, take the service from all clients.
"""

from __future__ import annotations

import pytest

from support.rest import Rest
from support.stack import Stack
from support.web import framed

LIST = "/arouter.v1.ModelService/ListModels"
NEWER = "/arouter.v1.NewerService/Get"
GRPC = {"content-type": "application/grpc"}
UNIMPLEMENTED, UNAUTHENTICATED = "12", "16"


def test_te_may_be_missing(stack: Stack) -> None:
    with Rest(stack.port) as rest:
        statuses = [rest.request("POST", path, framed(b""), GRPC).headers["grpc-status"] for path in (LIST, NEWER)]

    assert statuses == [UNAUTHENTICATED, UNAUTHENTICATED]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_methods_are_posted(stack: Stack, method: str) -> None:
    with Rest(stack.port) as rest:
        answers = [rest.request(method, path, None, GRPC | {"te": "trailers"}) for path in (LIST, NEWER)]

    assert [answer.headers["grpc-status"] for answer in answers] == [UNIMPLEMENTED, UNIMPLEMENTED]
    assert {answer.headers["grpc-message"] for answer in answers} == {"There is no such method."}
