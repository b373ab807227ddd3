"""The error table of design §4, written down a second time."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import grpc
import pytest

from arouter.errors import MAX_MESSAGE_COST, ARouterError, Failure

# Source of the pairs: google.rpc.Code's HTTP mapping, with OpenAI's types; 402 and 502 have no gRPC code of their own.
# FAILED_PRECONDITION: a retry is of no use until the operator has given the router another key.
TABLE = [
    (Failure.INVALID_REQUEST, "INVALID_ARGUMENT", 400, "invalid_request_error", None),
    (Failure.CONTEXT_LENGTH_EXCEEDED, "INVALID_ARGUMENT", 400, "invalid_request_error", "context_length_exceeded"),
    (Failure.INVALID_API_KEY, "UNAUTHENTICATED", 401, "authentication_error", "invalid_api_key"),
    (Failure.SPENDING_LIMIT, "RESOURCE_EXHAUSTED", 402, "payment_required", "spending_limit_reached"),
    (Failure.PERMISSION_DENIED, "PERMISSION_DENIED", 403, "permission_error", None),
    (Failure.NOT_FOUND, "NOT_FOUND", 404, "invalid_request_error", None),
    (Failure.MODEL_NOT_FOUND, "NOT_FOUND", 404, "invalid_request_error", "model_not_found"),
    (Failure.NO_PROVIDER, "NOT_FOUND", 404, "invalid_request_error", "no_provider"),
    (Failure.REQUEST_TIMEOUT, "DEADLINE_EXCEEDED", 408, "invalid_request_error", "request_timeout"),
    (Failure.ALREADY_EXISTS, "ALREADY_EXISTS", 409, "invalid_request_error", "already_exists"),
    (Failure.PAYLOAD_TOO_LARGE, "INVALID_ARGUMENT", 413, "invalid_request_error", None),
    (Failure.UNPROCESSABLE, "INVALID_ARGUMENT", 422, "invalid_request_error", None),
    (Failure.RATE_LIMITED, "RESOURCE_EXHAUSTED", 429, "rate_limit_error", "rate_limit_exceeded"),
    (Failure.INTERNAL, "INTERNAL", 500, "server_error", "internal_error"),
    (Failure.UNIMPLEMENTED, "UNIMPLEMENTED", 501, "invalid_request_error", None),
    (Failure.PROVIDER_ERROR, "UNAVAILABLE", 502, "server_error", "provider_error"),
    (Failure.PROVIDER_UNREACHABLE, "UNAVAILABLE", 502, "server_error", "provider_unreachable"),
    (Failure.PROVIDER_CREDENTIALS, "FAILED_PRECONDITION", 502, "server_error", "provider_credentials"),
    (Failure.PROVIDER_BAD_RESPONSE, "UNAVAILABLE", 502, "server_error", "provider_bad_response"),
    (Failure.UNAVAILABLE, "UNAVAILABLE", 503, "server_error", "unavailable"),
    (Failure.PROVIDER_TIMEOUT, "DEADLINE_EXCEEDED", 504, "server_error", "provider_timeout"),
    (Failure.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", 504, "server_error", "deadline_exceeded"),
]


@pytest.mark.parametrize(("failure", "grpc_code", "http_status", "type_", "code"), TABLE)
def test_maps_a_failure(failure: Failure, grpc_code: str, http_status: int, type_: str, code: str | None) -> None:
    error = ARouterError(failure, "why", param="p")

    assert grpc.StatusCode[failure.grpc_code].name == grpc_code
    assert failure.http_status == http_status
    assert error.envelope() == {"error": {"message": "why", "type": type_, "param": "p", "code": code}}


def test_the_table_is_complete() -> None:
    assert [row[0] for row in TABLE] == list(Failure)


def test_an_error_can_bring_a_code_of_its_own() -> None:
    assert ARouterError(Failure.RATE_LIMITED, "why", code="tokens").envelope()["error"]["code"] == "tokens"


# What `grpc-message` carries as it is (gRPC over HTTP/2, "Percent-Encoded").
UNCHANGED = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


@pytest.mark.parametrize("character", ["x", "%", "\n", '"', "\0", "ä", "你", "🙂", "\udcff"])
def test_cuts_a_message_that_no_header_could_carry(character: str) -> None:
    message = ARouterError(Failure.INTERNAL, character * 100_000).message

    utf8 = message.encode("utf-8", "replace")
    carried = len(json.dumps(message)) + len(quote(utf8, safe=UNCHANGED)) + len(base64.b64encode(utf8))
    assert message.endswith("…")
    assert MAX_MESSAGE_COST / 2 < carried < MAX_MESSAGE_COST + 50


def test_leaves_a_message_that_fits() -> None:
    assert ARouterError(Failure.INTERNAL, "x" * 1000).message == "x" * 1000


def test_hides_a_secret_wherever_it_is_even_across_a_cut() -> None:
    secret = "sk-" + "s" * 80
    error = ARouterError(Failure.INVALID_REQUEST, "x" * 1480 + secret, param=secret, code=secret)

    error.redact(lambda text: text.replace(secret, "[redacted]"))

    assert "sk-" not in str(error.envelope())
    assert error.param == error.code == "[redacted]"


def test_what_the_operator_is_told_is_redacted_too() -> None:
    error = ARouterError(Failure.PROVIDER_CREDENTIALS, "No.", detail="bad key: Bearer sk-canary")

    error.redact(lambda text: text.replace("sk-canary", "[redacted]"))

    assert error.detail == "bad key: Bearer [redacted]"
