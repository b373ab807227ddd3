"""Connections on which nothing happens make room for others."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from emulator import Emulator
from support.edge import Edge, edge
from support.http2 import PREFACE
from support.ports import HOST
from support.stack import Stack

LIMIT = 20
CLOSED_WITHIN = 30.0
"""Seconds; the gateway's own waits here add up to 8: idle, draining, closing."""

BEGINNINGS = {
    "nothing": b"",
    "a letter": b"P",
    "half a request line": b"GET /v1/mod",
    "an empty line": b"\r\n",
    "half of the headers": b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-y: ",
    "HTTP/2": PREFACE + b"\0\0\0\4\0\0\0\0\0",
    "half a preface": PREFACE[:10],
    "one request": b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.fixture(scope="module")
def front(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    with edge(
        stack, folder, max_connections=LIMIT, first_byte_timeout=1.0, idle_timeout=1.0, request_timeout=1.0
    ) as running:
        yield running


def test_connections_that_say_no_more_are_closed_and_others_get_in(front: Edge) -> None:
    with ExitStack() as exits:
        idle = [exits.enter_context(socket.create_connection((HOST, front.port))) for _ in range(LIMIT)]
        for each, beginning in zip(idle, itertools.cycle(BEGINNINGS.values()), strict=False):
            each.settimeout(CLOSED_WITHIN)
            each.sendall(beginning)
        for each in idle:
            _read_to_end(each)

        with front.rest() as rest:
            assert rest.get("/healthz").status == 200


def test_a_connection_in_use_stays(front: Edge, emulator: Emulator) -> None:
    body = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "stream": True, "user": "slow"}
    with front.rest() as rest, socket.create_connection((HOST, front.port)) as idle:
        stream = rest.open("POST", "/v1/chat/completions", body)
        assert b"data: " in stream.readline()
        idle.settimeout(CLOSED_WITHIN)
        _read_to_end(idle)  # longer than any of the timeouts
        emulator.call("slow").release()

        assert stream.read().endswith(b"data: [DONE]\n\n")


def _read_to_end(connection: socket.socket) -> None:
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
