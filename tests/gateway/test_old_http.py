"""HTTP/1.0: nginx speaks it to upstreams unless it is told otherwise, and HAProxy in its checks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from emulator import Emulator
from support.ports import HOST
from support.stack import Stack


def chat(model: str, *, stream: bool, user: str = "x") -> bytes:
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": model, "messages": messages, "stream": stream, "user": user}).encode()


@contextmanager
def connected(stack: Stack) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, stack.port), timeout=30) as connection:
        yield connection


def post(stack: Stack, body: bytes, *headers: str) -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.0", f"authorization: Bearer {stack.key}", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def read_to_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "request_", ["OPTIONS / HTTP/1.0", "GET /healthz HTTP/1.0", "GET /healthz HTTP/1.0\r\nhost: x"]
)
def test_checks_of_load_balancers_pass(stack: Stack, request_: str) -> None:
    with connected(stack) as connection:
        connection.sendall(request_.encode() + b"\r\n\r\n")

        assert connection.recv(4096).startswith(b"HTTP/1.0 200 OK\r\n")


def test_a_web_page_is_no_check(stack: Stack) -> None:
    with connected(stack) as connection:
        connection.sendall(b"OPTIONS / HTTP/1.1\r\nhost: x\r\norigin: https://x.example\r\nconnection: close\r\n\r\n")

        assert connection.recv(4096).startswith(b"HTTP/1.1 404")


def test_a_whole_answer(stack: Stack, emulator: Emulator) -> None:
    with connected(stack) as connection:
        connection.sendall(post(stack, chat("emu/text", stream=False)))
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"transfer-encoding" not in head
    assert json.loads(body)["object"] == "chat.completion"


def test_a_stream_comes_as_it_is_written_and_ends_with_the_connection(stack: Stack, emulator: Emulator) -> None:
    with connected(stack) as connection:
        connection.sendall(post(stack, chat("emu/gated", stream=True, user="old")))
        begun = b""
        while b"data: " not in begun:
            begun += connection.recv(65536)
        emulator.call("old").release()
        received = begun + read_to_end(connection)

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body.startswith(b"data: ")
    assert body.endswith(b"data: [DONE]\n\n")


def test_a_connection_is_kept_if_it_is_asked_for(stack: Stack, emulator: Emulator) -> None:
    with connected(stack) as connection:
        for _ in range(2):
            connection.sendall(post(stack, chat("emu/text", stream=False), "connection: keep-alive"))
            received = connection.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            assert b"connection: keep-alive" in head
            assert json.loads(body)["object"] == "chat.completion"


def test_an_error_is_in_the_envelope(stack: Stack) -> None:
    with connected(stack) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.0\r\n\r\n")
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.0 401")
    assert json.loads(body)["error"]["code"] == "invalid_api_key"
