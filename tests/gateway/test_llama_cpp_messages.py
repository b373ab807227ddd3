"""llama.cpp speaks the Messages API itself: its events are compared with those that ARouter makes of its other API."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest

from judges.message_stream import events_of, message_of
from support.process import Process, assert_gone
from support.stack import Stack, running

NAME = "smollm2-135m-instruct"
ASKED = {
    "max_tokens": 12,
    "temperature": 0,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}],
}
ON_ONE_CORE = "import os, runpy; os.cpu_count = lambda: 1; runpy.run_module('arouter.embedded', run_name='__main__')"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the embedded model's server."""
    process = Process([], {}, tmp_path_factory.mktemp("llama"), command=(sys.executable, "-c", ON_ONE_CORE))
    try:
        process.wait_until(lambda: process.printed.endswith("\n"), "listening")
        yield process.printed.strip()
        assert process.stop() == 0, process.log
    finally:
        process.kill()
    assert_gone(process, [int(process.printed.rpartition(":")[2])])


@pytest.fixture(scope="module")
def both(llama: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The gateway in front of it, once for each of its APIs."""
    rows = [
        {"id": "chat", "base_url": f"{llama}/v1", "models": [NAME]},
        {"id": "messages", "protocol": "anthropic", "base_url": llama, "models": [NAME]},
    ]
    with running(tmp_path_factory.mktemp("both"), {"providers": rows}) as stack:
        yield stack


def asked(url: str, model: str, key: str = "", **more: Any) -> bytes:
    body = json.dumps({**ASKED, "model": model, **more}).encode()
    headers = {"content-type": "application/json", "x-api-key": key, "anthropic-version": "2023-06-01"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/messages", body, headers)) as response:
        data: bytes = response.read()
        return data


def order(events: list[dict[str, Any]]) -> list[Any]:
    """Returns the kinds of the events, each once in a row."""
    return [kind for kind, _ in groupby((event["type"], event.get("index")) for event in events)]


@pytest.mark.parametrize("provider", ["chat", "messages"])
def test_the_events_are_those_of_llama_cpp(llama: str, both: Stack, provider: str) -> None:
    own = events_of(asked(llama, NAME, stream=True))
    ours = events_of(asked(both.base_url.removesuffix("/v1"), f"{provider}/{NAME}", both.key, stream=True))

    assert order(ours) == order(own)
    said, theirs = message_of(ours), message_of(own)
    assert said["content"] == theirs["content"]
    assert said["stop_reason"] == theirs["stop_reason"] == "max_tokens"
    assert said["usage"]["output_tokens"] == theirs["usage"]["output_tokens"] == ASKED["max_tokens"]
    assert said["model"] == f"{provider}/{NAME}"


@pytest.mark.parametrize("provider", ["chat", "messages"])
def test_the_message_is_that_of_llama_cpp(llama: str, both: Stack, provider: str) -> None:
    own = json.loads(asked(llama, NAME))
    ours = json.loads(asked(both.base_url.removesuffix("/v1"), f"{provider}/{NAME}", both.key))

    # Which tokens of the prompt are already in the cache depends on the order of the requests.
    assert own.keys() <= ours.keys()
    for name in ("type", "role", "content", "stop_reason", "stop_sequence"):
        assert ours[name] == own[name]
