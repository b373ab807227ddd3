"""A deadline shorter than what answers took lately: the call ends as one whose deadline passes, not as in an outage."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from aiohttp import web
from grpc import StatusCode

from emulator import Emulator
from emulator.call import Call
from emulator.scenarios import text
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request, refusal

SLOW = 2.0
DEADLINE = 1.0
SEEN = 5
"""Calls after which what was seen counts."""


class Pace:
    """A model that is slow until it is told otherwise."""

    is_slow = True

    async def answer(self, call: Call) -> web.StreamResponse:
        if self.is_slow:
            await asyncio.sleep(SLOW)
        return await text(call)


@pytest.fixture
def pace() -> Pace:
    return Pace()


@pytest.fixture
def stack(pace: Pace, tmp_path: Path) -> Iterator[Stack]:
    with Emulator({"m": pace.answer}) as provider:
        row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["m"]}
        with running(tmp_path, {"providers": [row]}, ("serve",)) as stack:
            yield stack


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_model_that_became_fast_again_is_found_to_be(pace: Pace, stack: Stack, stream: bool) -> None:
    with stack.channel() as channel:
        client = Client(stack, channel)
        ask = client.chat.StreamChatCompletion if stream else client.chat.ChatCompletion
        calls = [client.chat.ChatCompletion.future(chat_request("emu/m"), **client.options) for _ in range(SEEN)]
        assert all(call.result() for call in calls)
        pace.is_slow = False

        refused = []
        for _ in itertools.count():
            try:
                answer = ask(chat_request("emu/m"), **client.options | {"timeout": DEADLINE})
                assert list(answer) if stream else answer
                break
            except grpc.RpcError as error:
                refused.append(refusal(error))
        answers = [ask(chat_request("emu/m"), **client.options | {"timeout": DEADLINE}) for _ in range(SEEN)]
        assert all(list(answer) if stream else answer for answer in answers)

    assert {(each.code, each.reason, each.retry_after) for each in refused} <= {
        (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", None)
    }
