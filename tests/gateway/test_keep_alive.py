"""Comments keep a silent stream alive; from the first one on, an error can only be an event."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from emulator import Emulator
from emulator.answers import TEXT
from support.stack import Stack, running

COMMENT = b": keep-alive\n"


@pytest.fixture(scope="module")
def impatient(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that sends its comments early."""
    with running(tmp_path_factory.mktemp("impatient"), {**config, "server": {"keep_alive": 0.1}}) as stack:
        yield stack


def body(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True}


def read_comments(response: http.client.HTTPResponse, count: int) -> None:
    """Reads on until `count` comments have come."""
    while count:
        line = response.readline()
        assert line
        count -= line == COMMENT


def said(rest: bytes) -> str:
    lines = [line.removeprefix(b"data: ") for line in rest.splitlines() if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for line in lines for choice in json.loads(line)["choices"])


def test_comments_are_sent_before_the_first_word(impatient: Stack, emulator: Emulator) -> None:
    with impatient.rest() as rest, rest.open("POST", "/v1/chat/completions", body("emu/hang")) as response:
        read_comments(response, 3)
        assert response.status == 200
        rest.vanish()

    assert emulator.calls[-1].disconnected.wait(5)


def test_comments_are_sent_between_words_and_disturb_none(impatient: Stack, emulator: Emulator) -> None:
    with impatient.rest() as rest, rest.open("POST", "/v1/chat/completions", body("emu/gated")) as response:
        received = b""
        while b"Hello" not in received:
            received += response.readline()
        read_comments(response, 3)
        emulator.release_all()
        received += response.read()

    assert said(received) == TEXT
    assert received.endswith(b"data: [DONE]\n\n")


def test_an_error_after_a_comment_is_an_event(impatient: Stack, emulator: Emulator) -> None:
    with impatient.rest() as rest, rest.open("POST", "/v1/chat/completions", body("hasty/hang")) as response:
        read_comments(response, 1)
        received = response.read()

    assert response.status == 200
    event = received.replace(COMMENT + b"\n", b"").removeprefix(b"\n")
    assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == "provider_timeout"
    assert b"[DONE]" not in received


def test_an_error_before_any_comment_is_a_status(impatient: Stack, emulator: Emulator) -> None:
    with impatient.rest() as rest:
        assert rest.chat(body("emu/status-500")).status == 502
