"""Connections on which nothing happens make room for others."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from arouter_gateway.tls import GatewayTls
from emulator import Emulator
from support.edge import Edge, edge
from support.http2_frames import PREFACE
from support.ports import HOST
from support.stack import Stack
from support.tls import Authority

LIMIT = 40
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
    with edge(stack, folder, max_connections=LIMIT * 2, idle_timeout=1.0, request_timeout=1.0) as running:
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


@pytest.mark.parametrize("beginning", [b"", PREFACE], ids=["nothing", "HTTP/2"])
def test_one_address_leaves_room_for_others(stack: Stack, tmp_path: Path, beginning: bytes) -> None:
    with edge(stack, tmp_path, max_connections=LIMIT) as front, ExitStack() as exits:

        def is_answered(address: str) -> bool:
            with socket.create_connection((HOST, front.port), timeout=30, source_address=(address, 0)) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                try:
                    return connection.recv(4096).startswith(b"HTTP/1.1 200")
                except ConnectionResetError:
                    return False

        idle = [exits.enter_context(socket.create_connection((HOST, front.port))) for _ in range(LIMIT)]
        for each in idle:
            each.sendall(beginning)
        front.process.wait_until(lambda: sum(map(_is_closed, idle)) >= LIMIT // 2, "bounded")
        answered = [is_answered(f"127.0.0.{number}") for number in range(2, 18)]

    # An eighth of all addresses shares the limit.
    assert sum(answered) >= 10


def test_handshakes_that_do_not_begin_leave_room_for_other_addresses_and_end(stack: Stack, tmp_path: Path) -> None:
    pair, folder = Authority().issue(), tmp_path / "tls"
    folder.mkdir()
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    tls = GatewayTls(folder / "tls.crt", folder / "tls.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    with edge(stack, tmp_path, max_connections=LIMIT, handshake_timeout=5.0, tls=tls) as front, ExitStack() as exits:

        def shakes_hands(address: str) -> bool:
            with socket.create_connection((HOST, front.port), timeout=30, source_address=(address, 0)) as connection:
                try:
                    with context.wrap_socket(connection):
                        return True
                except OSError:
                    return False

        idle = [exits.enter_context(socket.create_connection((HOST, front.port))) for _ in range(LIMIT)]
        front.process.wait_until(lambda: sum(map(_is_closed, idle)) >= LIMIT // 2, "bounded")
        shaken = [shakes_hands(f"127.0.0.{number}") for number in range(2, 18)]
        for each in idle:
            each.settimeout(CLOSED_WITHIN)
            _read_to_end(each)
        assert shakes_hands(HOST)

    assert sum(shaken) >= 10


def test_a_connection_in_use_stays(front: Edge, emulator: Emulator) -> None:
    body = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "stream": True, "user": "slow"}
    with front.rest() as rest, socket.create_connection((HOST, front.port)) as idle:
        stream = rest.open("POST", "/v1/chat/completions", body)
        assert b"data: " in stream.readline()
        idle.settimeout(CLOSED_WITHIN)
        _read_to_end(idle)  # longer than any of the timeouts
        emulator.call("slow").release()

        assert stream.read().endswith(b"data: [DONE]\n\n")


def _is_closed(connection: socket.socket) -> bool:
    """Says whether the other side has closed a connection, whatever it has sent before."""
    try:
        while connection.recv(65536, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


def _read_to_end(connection: socket.socket) -> None:
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
