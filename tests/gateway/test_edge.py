"""The gateway's edge: health, HTTP/2, and what it does when the service is not there."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator import Emulator
from support.rest import Rest
from support.stack import running

CHAT = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}


def test_healthz_needs_no_key(stack: Any) -> None:
    with Rest(stack.port) as rest:
        assert rest.get("/healthz").status == 200
        assert rest.get("/healthz?x=1").status in (200, 404)


def test_a_header_with_an_underscore_is_refused(rest: Rest) -> None:
    answer = rest.get("/v1/models", {"x_api_key": "x"})

    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


def test_oversized_headers_are_refused_in_the_envelope(rest: Rest) -> None:
    answer = rest.get("/v1/models", {"x-large": "x" * 100_000})

    assert answer.status == 431
    assert answer.error["type"] == "invalid_request_error"


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "identity, gzip"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/keys"])
def test_a_compressed_body_is_refused_as_such(rest: Rest, path: str, encoding: str) -> None:
    body = gzip.compress(json.dumps(CHAT).encode())

    answer = rest.request("POST", path, body, {"content-encoding": encoding})

    assert answer.status == 415
    assert answer.headers["accept-encoding"] == "identity"
    assert answer.error["type"] == "invalid_request_error"
    assert encoding in answer.error["message"]
    assert rest.chat(CHAT).status == 200  # on the same connection


def test_a_body_that_is_said_to_be_as_it_is_is_taken(rest: Rest) -> None:
    assert rest.request("POST", "/v1/chat/completions", CHAT, {"content-encoding": "Identity"}).status == 200


def test_while_it_stops_open_streams_finish_and_new_calls_hear_that_it_is_unavailable(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    body = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "stream": True, "user": "draining"}
    with running(tmp_path, config) as stack, stack.rest() as open_one, stack.rest() as rest:
        stream = open_one.open("POST", "/v1/chat/completions", body)
        assert b"data: " in stream.readline()
        assert rest.get("/healthz").status == 200
        stack.process.send_signal(signal.SIGTERM)
        stack.process.wait_until(lambda: rest.get("/healthz").status == 503, "unhealthy")

        refused = [rest.chat(body | {"stream": stream}) for stream in (False, True)]
        emulator.call("draining").release()

        for answer in refused:
            assert (answer.status, answer.error["type"]) == (503, "server_error")
            assert int(answer.headers["retry-after"]) >= 1
        assert stream.read().endswith(b"data: [DONE]\n\n")
        assert stack.process.wait() == 0


@pytest.mark.parametrize("stream", [False, True])
def test_the_sockets_of_the_stack_are_closed_after_each_request(stack: Any, emulator: Emulator, stream: bool) -> None:
    """A client's connection to the gateway is gone when the client is."""
    envoy = next(child for child in stack.process.children() if child.name() == "envoy")

    def from_clients() -> int:
        return sum(
            1
            for connection in envoy.net_connections("tcp")
            if connection.laddr.port == stack.port and connection.status != psutil.CONN_LISTEN
        )

    for _ in range(10):
        with stack.rest() as rest:
            body = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
            assert rest.chat(body).status == 200

    stack.process.wait_until(lambda: from_clients() == 0, "without connections")


@pytest.mark.parametrize(
    "header",
    [("grpc-timeout", "abc"), ("grpc-timeout", "1n"), ("grpc-encoding", "foo"), ("x-trace-bin", "!!!"), ("te", "x")],
)
def test_headers_that_mean_something_to_grpc_mean_nothing_here(rest: Rest, header: tuple[str, str]) -> None:
    assert rest.get("/v1/models", headers=dict([header])).status == 200


@pytest.mark.parametrize("id_", ["%ff", "%c0%af", "%ed%a0%80"])
def test_a_path_that_is_not_utf8_is_a_bad_request(rest: Rest, id_: str) -> None:
    answer = rest.get(f"/v1/models/{id_}")

    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
