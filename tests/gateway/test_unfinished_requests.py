"""Requests that never arrive completely: what they cost, and that other clients do not notice."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Any

import pytest

from emulator import Emulator
from support.edge import Edge, edge
from support.http2 import Http2, post
from support.ports import HOST
from support.stack import MANAGEMENT_KEY, Stack, running
from support.typed import Client, chat_request

CHAT = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}
METHOD = "/arouter.v1.ChatService/ChatCompletion"
SIZE = 10 * 1024 * 1024
MB = 1024 * 1024
QUIET = 0.5
"""Seconds without a window update after which a server takes no more."""


@pytest.fixture(scope="module")
def served(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service of its own: what these tests leave behind is no other test's business."""
    with running(tmp_path_factory.mktemp("service"), config, ("serve",)) as stack:
        yield stack


@pytest.fixture
def gateway(served: Stack, emulator: Emulator, tmp_path: Path) -> Iterator[Callable[..., Edge]]:
    """Starts gateways with settings of their own."""
    with ExitStack() as exits:
        yield lambda **settings: exits.enter_context(edge(served, tmp_path, **settings))


def call(front: Edge) -> int:
    with front.rest() as rest:
        return rest.chat(CHAT).status


def whole(front: Edge) -> int:
    """Sends a large body to its end, which is no JSON."""
    with front.rest() as rest:
        return rest.request("POST", "/v1/chat/completions", b" " * SIZE).status


def fill(connections: Sequence[socket.socket], data: bytes) -> list[bytes]:
    """Sends `data` on each connection until none takes more, and returns what has been answered there."""
    answers = [b""] * len(connections)
    with DefaultSelector() as selector:
        for at, each in enumerate(connections):
            each.setblocking(False)
            selector.register(each, EVENT_READ | EVENT_WRITE, [at, memoryview(data)])
        while selector.get_map() and (ready := selector.select(QUIET)):
            for key, events in ready:
                each, (at, rest) = connections[key.data[0]], key.data
                try:
                    if events & EVENT_READ:
                        answers[at] += (piece := each.recv(65536))
                        if not piece:
                            selector.unregister(each)
                    elif rest:
                        key.data[1] = rest[each.send(rest[:65536]) :]
                    else:
                        selector.modify(each, EVENT_READ, key.data)
                except OSError:
                    selector.unregister(each)
    return answers


@pytest.mark.parametrize(
    ("path", "key"),
    [("/v1/chat/completions", ""), ("/api/v1/keys", "Bearer lr_live_wrong"), ("/v1/models", ""), ("/nonsense", "")],
)
def test_without_a_key_no_body_is_read(gateway: Callable[..., Edge], path: str, key: str) -> None:
    front = gateway()
    assert call(front) == 200
    before = front.memory()

    with Http2(front.port) as client:
        client.read(QUIET)
        said = {"authorization": key} if key else {}
        streams = [client.open(post(path, SIZE) | said) for _ in range(101)]
        sent = client.fill(streams, SIZE - 1, quiet=QUIET)
        statuses = {call(front) for _ in range(10)}
        grown = front.memory() - before
        client.read_to_end(streams)

    assert statuses == {200}
    assert all(b'"code":"invalid_api_key"' in client.received[stream] for stream in streams)
    assert sum(sent.values()) < 101 * MB // 2
    assert grown < 60 * MB


def test_without_a_key_no_connection_holds_a_body(gateway: Callable[..., Edge]) -> None:
    front = gateway()
    assert call(front) == 200
    before = front.memory()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {SIZE}\r\n\r\n".encode()

    with ExitStack() as exits:
        open_ones = [exits.enter_context(socket.create_connection((HOST, front.port), timeout=10)) for _ in range(114)]
        for each in open_ones:
            each.sendall(head + b" " * 100_000)
        answers = [each.recv(4096) for each in open_ones]
        statuses = {call(front) for _ in range(10)}
        grown = front.memory() - before

    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 401 Unauthorized"}
    assert statuses == {200}
    assert grown < 60 * MB


@pytest.mark.parametrize("announced", [True, False])
def test_one_key_cannot_fill_the_gateway_over_many_connections(gateway: Callable[..., Edge], announced: bool) -> None:
    front = gateway(max_heap_bytes=320 * MB)  # 40 MB of bodies in each of two threads
    assert call(front) == 200
    before = front.memory()
    framing = f"content-length: {SIZE}\r\n\r\n" if announced else f"transfer-encoding: chunked\r\n\r\n{SIZE:x}\r\n"
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {front.key}\r\n{framing}"

    with ExitStack() as exits:
        raw = [exits.enter_context(socket.create_connection((HOST, front.port), timeout=10)) for _ in range(60)]
        answers = fill(raw, head.encode() + b" " * (SIZE - 1))
        statuses = {call(front) for _ in range(10)}
        with front.rest(MANAGEMENT_KEY) as other:
            large = other.request("POST", "/api/v1/keys", {"name": "x" * 3 * MB})
        grown = front.memory() - before

    assert statuses == {200}
    assert large.status == 400  # read: the name is too long
    assert grown < 160 * MB
    refused = [answer for answer in answers if answer]
    assert len(refused) == (52 if announced else 0)  # what is not announced is refused at its end
    assert all(answer.startswith(b"HTTP/1.1 503") and b"\r\nretry-after: 1\r\n" in answer for answer in refused)
    # Nobody has told the gateway's script that these requests have ended.
    front.process.wait_until(lambda: whole(front) == 400, "a body of the key is read again")


@pytest.mark.parametrize("announced", [True, False])
def test_one_key_cannot_fill_the_gateway_over_one_connection(gateway: Callable[..., Edge], announced: bool) -> None:
    front = gateway(max_heap_bytes=320 * MB)
    assert call(front) == 200
    before = front.memory()

    with Http2(front.port) as client:
        client.read(QUIET)
        headers = post("/v1/chat/completions", SIZE if announced else None, authorization=f"Bearer {front.key}")
        streams = [client.open(headers) for _ in range(30)]
        client.fill(streams, SIZE - 1, quiet=QUIET)
        statuses = {call(front) for _ in range(10)}
        grown = front.memory() - before
        for stream in {*streams} - client.ended:
            assert client.send(stream, 1, end=True)
        client.read_to_end(streams)

    read = [stream for stream in streams if b"not valid JSON" in client.received[stream]]
    refused = [stream for stream in streams if b'"code":"unavailable"' in client.received[stream]]
    assert statuses == {200}
    assert grown < 120 * MB
    assert len(read) + len(refused) == 30
    assert refused
    assert not announced or len(read) == 4  # parts of the others have taken what was left
    assert whole(front) == 400


@pytest.mark.parametrize("finished", [True, False])
def test_a_large_body_of_an_unknown_key_gets_its_answer(gateway: Callable[..., Edge], finished: bool) -> None:
    """SDKs send the body with the headers, and are to read the 401 all the same."""
    front = gateway()

    with front.rest("lr_live_wrong") as rest:
        small = rest.chat(CHAT)
        again = rest.chat(CHAT | {"user": "x" * (100_000 if finished else 3 * MB)})

    assert (small.status, again.status) == (401, 401)
    assert small.error["code"] == again.error["code"] == "invalid_api_key"


def test_a_body_waits_outside_while_the_key_is_checked(gateway: Callable[..., Edge], served: Stack) -> None:
    front = gateway()
    with front.rest() as rest, Http2(front.port) as client:
        client.read(QUIET)
        served.process.send_signal(signal.SIGSTOP)
        try:
            stream = client.open(post("/v1/chat/completions", SIZE, authorization=f"Bearer {front.key}"))
            sent = client.fill([stream], SIZE, quiet=QUIET)
        finally:
            served.process.send_signal(signal.SIGCONT)
        assert sent[stream] < 2 * MB
        client.fill([stream], SIZE - 1 - sent[stream], quiet=5)
        assert client.send(stream, 1, end=True)
        while stream not in client.ended:
            assert client.read(10)
        assert b"not valid JSON" in client.received[stream]
        assert rest.chat(CHAT).status == 200


def test_a_body_that_stops_ends_in_time_and_an_answer_takes_as_long_as_it_takes(
    gateway: Callable[..., Edge], served: Stack, emulator: Emulator
) -> None:
    front = gateway(request_timeout=1.0)
    gated = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "stream": True, "user": "long"}

    with front.rest() as rest, served.channel(front.port) as channel, Http2(front.port) as client:
        stream = rest.open("POST", "/v1/chat/completions", gated)
        assert b"data: " in stream.readline()
        typed = Client(served, channel).chat.StreamChatCompletion(
            chat_request("emu/gated"), metadata=served.metadata, timeout=60
        )
        next(typed)
        # By now the long answers are under way; these requests are cut, and the answers are not.
        cut = [
            client.open(post("/v1/chat/completions", 1000, authorization=f"Bearer {front.key}")),
            client.open(
                post(METHOD, te="trailers", content_type="application/grpc", authorization=f"Bearer {front.key}")
            ),
        ]
        for each in cut:
            client.send(each, 100)
        while not client.ended >= set(cut):
            assert client.read(20)
        emulator.release_all()
        rest_of_stream = stream.read()
        assert [*typed]

    assert b"did not arrive completely" in client.received[cut[0]]
    assert rest_of_stream.endswith(b"data: [DONE]\n\n")


def test_grpc_without_a_key_leaves_nothing_in_the_gateway(gateway: Callable[..., Edge], served: Stack) -> None:
    front = gateway(request_timeout=5.0)
    assert call(front) == 200
    before = front.memory()
    with Http2(front.port) as client:
        client.read(QUIET)
        streams = [client.open(post(METHOD, te="trailers", content_type="application/grpc")) for _ in range(60)]
        client.fill(streams, SIZE - 1, quiet=QUIET)
        statuses = {call(front) for _ in range(5)}
        grown = front.memory() - before
        while not client.ended >= set(streams):
            assert client.read(20)

    assert statuses == {200}
    assert grown < 100 * MB
