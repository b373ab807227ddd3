"""Metadata that gRPC cannot parse ends its own call alone, although all clients share the gateway's connections."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from arouter.v1 import model_service_pb2
from support.http2_frames import DATA, END_HEADERS, END_STREAM, HEADERS, Connection, call_headers, frame, message
from support.stack import Stack
from support.typed import TIMEOUT, Client

LIST = "/arouter.v1.ModelService/ListModels"
GOOD = (("x-own-bin", b"\xff"), ("grpc-previous-rpc-attempts", "1"))
ROUNDS = 3
"""What a header refers to in HPACK's table depends on the calls before."""

CHANNELS = 4
"""Enough for each of Envoy's threads, which have a connection each."""


def send(stack: Stack, name: str, value: str) -> None:
    """Makes a call with one more header, and waits for its end."""
    with Connection(stack.port) as connection:
        stream = connection.next_stream()
        headers = call_headers(LIST, ("authorization", f"Bearer {stack.key}"), (name, value))
        connection.send(frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, message(b"")))
        while (got := connection.read(10)) and not (got[2] == stream and got[1] & END_STREAM):
            pass


@pytest.mark.parametrize(
    ("name", "value"),
    [("grpc-timeout", "1x"), ("grpc-encoding", "br"), ("x-own-bin", "!"), ("grpc-previous-rpc-attempts", "x")],
)
def test_others_do_not_notice(stack: Stack, name: str, value: str) -> None:
    with ExitStack() as channels:
        clients = [Client(stack, channels.enter_context(stack.channel(stack.port))) for _ in range(CHANNELS)]
        for round_ in range(ROUNDS):
            send(stack, name, value)
            for number, client in enumerate(clients):
                client.models.ListModels(
                    model_service_pb2.ListModelsRequest(),
                    metadata=(*stack.metadata, *GOOD),
                    timeout=TIMEOUT + round_,  # A header with a known value refers to more than the name.
                    compression=(None, 2)[number % 2],
                )
