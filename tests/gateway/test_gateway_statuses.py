"""Every status that the gateway answers by itself has the envelope, and docs/errors.md lists it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import Emulator
from support.docs import ROOT
from support.edge import Edge, edge
from support.ports import HOST, refusing_port
from support.stack import Stack

HOST_LINE = "host: x"
KEY = "authorization: Bearer {key}"
MB = 1024 * 1024

REQUESTS = {
    "not HTTP": (400, ["NONSENSE / HTTP/1.1", HOST_LINE]),
    "no host": (400, ["GET /v1/models HTTP/1.1"]),
    "two lengths": (400, ["POST /v1/models HTTP/1.1", HOST_LINE, "content-length: 1", "content-length: 2"]),
    "a body where there is none": (400, ["GET /v1/models HTTP/1.1", HOST_LINE, KEY, "content-length: 2", "", "{}"]),
    "no key": (401, ["POST /v1/chat/completions HTTP/1.1", HOST_LINE, "content-length: 2", "", "{}"]),
    "an upgrade": (403, ["GET /v1/models HTTP/1.1", HOST_LINE, KEY, "connection: upgrade", "upgrade: websocket"]),
    "no such path": (404, ["GET /nonsense HTTP/1.1", HOST_LINE]),
    "a tunnel": (404, ["CONNECT x:443 HTTP/1.1", HOST_LINE]),
    "wrong method": (405, ["PUT /v1/models HTTP/1.1", HOST_LINE, KEY, "content-length: 0"]),
    "headers that stop": (408, ["GET /v1/models HTTP/1.1", "host: x\r\nx-half"]),
    "a body that stops": (408, ["POST /v1/chat/completions HTTP/1.1", HOST_LINE, KEY, "content-length: 9", "", "{"]),
    "too long": (413, ["POST /v1/chat/completions HTTP/1.1", HOST_LINE, KEY, f"content-length: {11 * MB}"]),
    "compressed": (415, ["POST /api/v1/keys HTTP/1.1", HOST_LINE, KEY, "content-encoding: br", "content-length: 0"]),
    "long headers": (431, ["GET /v1/models HTTP/1.1", HOST_LINE, f"x-long: {'x' * 70_000}"]),
    "another coding": (501, ["POST /v1/chat/completions HTTP/1.1", HOST_LINE, KEY, "transfer-encoding: gzip"]),
}
UNANSWERED = {503, 504}
"""Those of a service that does not answer."""


@pytest.fixture(scope="module")
def front(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with edge(stack, tmp_path_factory.mktemp("edge"), request_timeout=1.0, stream_idle_timeout=2.0) as running:
        yield running


@pytest.mark.parametrize(("status", "lines"), REQUESTS.values(), ids=REQUESTS)
def test_a_refusal_is_in_the_envelope(front: Edge, status: int, lines: list[str]) -> None:
    unfinished = status == 408
    request = "\r\n".join(lines) + ("" if unfinished or "" in lines else "\r\n\r\n")
    with socket.create_connection((HOST, front.port), timeout=30) as raw:
        raw.sendall(request.replace("{key}", front.key).encode())
        received = b""
        while b"\r\n\r\n" not in received or not received.rstrip().endswith(b"}"):
            piece = raw.recv(65536)
            assert piece, received
            received += piece

    head, _, body = received.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    assert int(head.split(b" ", 2)[1]) == status
    assert sorted(error) == ["code", "message", "param", "type"]
    assert error["type"] == ("authentication_error" if status == 401 else "invalid_request_error")
    assert b"\r\ncontent-type: application/json" in head
    assert front.key.encode() not in received


def test_an_answer_that_does_not_come_is_a_504(front: Edge, emulator: Emulator) -> None:
    with front.rest() as rest:
        answer = rest.chat({"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}]})

    assert (answer.status, answer.error["code"]) == (504, "deadline_exceeded")


def test_a_service_that_is_not_there_is_a_503(stack: Stack, tmp_path: Path) -> None:
    with refusing_port() as port, edge(stack, tmp_path, services=((HOST, port),)) as front, front.rest() as rest:
        answer = rest.chat({"model": "emu/text", "messages": []})
        check = rest.request("OPTIONS", "/")

    assert (answer.status, answer.error["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert check.status == 503  # HAProxy's


def test_each_status_of_the_gateway_is_documented() -> None:
    table = (ROOT / "docs" / "errors.md").read_text("utf-8").partition("## From the gateway")[2]

    documented = {int(status) for status in re.findall(r"^\| (\d{3}) \|", table, re.MULTILINE)}
    assert documented == {status for status, _ in REQUESTS.values()} | UNANSWERED
