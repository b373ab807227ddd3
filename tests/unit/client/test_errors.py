"""What a failed call says, from whichever layer it comes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from arouter.client import CallError, ResourceExhaustedError, UnavailableError
from arouter.client.errors import call_error
from arouter.errors import Failure


def failed(code: grpc.StatusCode, *trailing: tuple[str, str | bytes], message: str | None = "Why.") -> Any:
    """Returns what grpc.aio raises."""
    return grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(("x-request-id", "from-the-gateway")), grpc.aio.Metadata(*trailing), message
    )


def status(**info: Any) -> tuple[str, bytes]:
    details = Status(message="Why.")
    details.details.add().Pack(ErrorInfo(domain="arouter", **info))
    details.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=17, nanos=500_000_000)))
    return "grpc-status-details-bin", details.SerializeToString()


def limited() -> CallError:
    metadata = {"param": "model", "code": "rate_limit_exceeded", "http_status": "429", "provider": "emu"}
    return call_error(failed(grpc.StatusCode.RESOURCE_EXHAUSTED, status(reason="RATE_LIMITED", metadata=metadata)))


def test_all_that_the_service_says_is_there() -> None:
    error = limited()

    assert isinstance(error, ResourceExhaustedError)
    assert vars(error) == {
        "message": "Why.",
        "status": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "reason": "RATE_LIMITED",
        "param": "model",
        "code": "rate_limit_exceeded",
        "http_status": 429,
        "provider": "emu",
        "retry_delay": 17.5,
        "request_id": "from-the-gateway",
    }
    assert str(error) == "RATE_LIMITED: Why."


@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy], ids=["pickle", "copy"])
def test_an_error_can_go_to_another_process(copied: Any) -> None:
    error = limited()
    error.add_note("in worker 3")

    assert type(copied(error)) is type(error)
    assert vars(copied(error)) == vars(error)


@pytest.mark.parametrize("details", [(), (("grpc-status-details-bin", b"\xff\xff"),)], ids=["none", "not a status"])
def test_an_error_of_the_connection_has_no_reason(details: Any) -> None:
    error = call_error(failed(grpc.StatusCode.UNAVAILABLE, *details, message=None))

    assert isinstance(error, UnavailableError)
    assert (error.reason, error.message, error.retry_delay, str(error)) == ("", "", None, "UNAVAILABLE: ")


def test_every_failure_of_the_service_has_a_class() -> None:
    classes = {failure: type(call_error(failed(grpc.StatusCode[failure.grpc_code]))) for failure in Failure}

    assert [failure for failure, kind in classes.items() if kind is CallError] == [Failure.UNIMPLEMENTED]


@pytest.mark.parametrize("http_status", ["", "abc", "9" * 5000, "\N{DEVANAGARI DIGIT FOUR}00", "-1"])
@pytest.mark.parametrize(
    ("delay", "seconds"), [(Duration(seconds=2**62), 2.0**62), (Duration(seconds=-5, nanos=-5), 0.0)]
)
def test_details_beyond_reason_do_not_hide_the_error(http_status: str, delay: Duration, seconds: float) -> None:
    details = Status()
    details.details.add().Pack(ErrorInfo(reason="RATE_LIMITED", metadata={"http_status": http_status}))
    details.details.add().Pack(RetryInfo(retry_delay=delay))
    trailing = ("grpc-status-details-bin", details.SerializeToString())

    error = call_error(failed(grpc.StatusCode.RESOURCE_EXHAUSTED, trailing))

    assert (error.reason, error.http_status, error.retry_delay) == ("RATE_LIMITED", None, seconds)
