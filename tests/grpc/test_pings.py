"""Pings that keep connections alive, with a silent call and without any."""

from __future__ import annotations

from contextlib import suppress

from support.http2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    GO_AWAY,
    HEADERS,
    PING,
    Connection,
    call_headers,
    frame,
    message,
)
from support.stack import Stack

PINGS = 5
APART = 1.1
"""Seconds between two pings, a little more than the service asks for."""

ENHANCE_YOUR_CALM = b"\0\0\0\x0b"
_PAYLOAD = b"12345678"


def ping(connection: Connection) -> None:
    """Pings, and waits for the acknowledgement."""
    connection.send(frame(PING, 0, 0, _PAYLOAD))
    while got := connection.read(10):
        if got == (PING, ACK, 0, _PAYLOAD):
            return
    raise AssertionError("hung up")


def stay_silent(connection: Connection, seconds: float) -> None:
    """Reads what comes until nothing does for so long."""
    with suppress(TimeoutError):
        while connection.read(seconds):
            pass
        raise AssertionError("hung up")


def watch_health(connection: Connection) -> None:
    """Opens a call that says nothing after its first message."""
    stream = connection.next_stream()
    connection.send(frame(HEADERS, END_HEADERS, stream, call_headers("/grpc.health.v1.Health/Watch")))
    connection.send(frame(DATA, 0, stream, message(b"")))
    while (got := connection.read(10)) and got[:1] != (DATA,):
        pass


def test_the_service_takes_pings_with_and_without_calls(stack: Stack) -> None:
    with Connection(stack.grpc_port) as idle, Connection(stack.grpc_port) as busy:
        watch_health(busy)
        for _ in range(PINGS):
            ping(idle)
            ping(busy)
            stay_silent(busy, APART)


def test_the_service_ends_a_connection_that_pings_too_often(stack: Stack) -> None:
    with Connection(stack.grpc_port) as connection:
        watch_health(connection)
        connection.send(frame(PING, 0, 0, _PAYLOAD) * PINGS)
        goaway = next(payload for kind, _, _, payload in iter(lambda: connection.read(10), None) if kind == GO_AWAY)

    assert goaway[4:] == ENHANCE_YOUR_CALM + b"too_many_pings"


def test_the_gateway_takes_any_pings(stack: Stack) -> None:
    with Connection(stack.port) as idle, Connection(stack.port) as busy:
        watch_health(busy)
        for _ in range(PINGS):
            ping(idle)
            ping(busy)
