"""A worker that hangs is replaced; one that is busy, or cannot use the file, is not the end of anything."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from emulator import Emulator
from emulator.answers import TEXT
from support.hanging import Hanging
from support.log import lines
from support.reloading import Reloading
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request

CHANNELS = 12
"""New connections; the kernel spreads them over the workers, so that some get each."""


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Hanging:
    return Hanging(tmp_path_factory.mktemp("hanging") / "site")


@pytest.fixture(scope="module")
def stack(hanging: Hanging, provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    row: dict[str, Any] = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["text"]}
    folder = tmp_path_factory.mktemp("hung")
    with running(folder, {"providers": [row]}, ("serve", "--workers", "2"), hanging.variables) as stack:
        wait_for_starts(stack, 2)
        yield stack


def wait_for_starts(stack: Stack, number: int) -> None:
    stack.process.wait_until(lambda: starts(stack) == number, f"{number} starts")


def starts(stack: Stack) -> int:
    return stack.process.log.count("serving on")


def workers(stack: Stack) -> list[psutil.Process]:
    return psutil.Process(stack.process.pid).children()


def assert_all_answer(stack: Stack) -> None:
    for _ in range(CHANNELS):
        with stack.channel() as channel:
            client = Client(stack, channel)
            answer = client.chat.ChatCompletion(chat_request("emu/text"), **client.options)
            assert answer.choices[0].message.content == TEXT


def test_one_that_does_not_answer_is_replaced(stack: Stack, hanging: Hanging) -> None:
    """The other one is blocked for two seconds meanwhile, which is not hung."""
    before = starts(stack)
    stopped, busy = workers(stack)
    assert_all_answer(stack)

    stopped.send_signal(signal.SIGSTOP)
    hanging.hang(busy.pid, 2)
    wait_for_starts(stack, before + 1)

    assert hanging.is_over(busy.pid)
    assert_all_answer(stack)
    assert busy in workers(stack)
    assert not stopped.is_running()
    said = [line for line in lines(stack.process.log) if line.get("worker_pid") == stopped.pid]
    assert [line["event"].partition(" ")[2] for line in said] == ["0 has not responded for 5 s and is killed"]
    assert "worker 0 exited with status -9 and is replaced" in stack.process.log
    assert len(workers(stack)) == 2


@pytest.mark.parametrize("text", ["", "providers: ["])
def test_a_new_worker_has_what_the_others_have(stack: Stack, text: str) -> None:
    """Whatever the file says, of which the others have taken nothing."""
    before, file = starts(stack), Reloading(stack, workers=2)
    good = file.path.read_text()
    file.refuse(text)

    workers(stack)[0].kill()
    wait_for_starts(stack, before + 1)

    assert_all_answer(stack)
    as_it_was = stack.process.log.count("matches the configuration in use")
    file.write(good)
    file.hang_up()
    stack.process.wait_until(
        lambda: stack.process.log.count("matches the configuration in use") >= as_it_was + 2, "read by both"
    )


def test_a_new_worker_has_what_the_others_have_taken(stack: Stack, provider: Emulator) -> None:
    """Not what they were started with."""
    before, file = starts(stack), Reloading(stack, workers=2)
    row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["text"]}
    file.apply({"providers": [row, {**row, "id": "later"}]})
    file.refuse("nonsense: 1")

    for number, worker in enumerate(workers(stack), 1):
        worker.kill()
        wait_for_starts(stack, before + number)

    with stack.channel() as channel:
        client = Client(stack, channel)
        assert client.chat.ChatCompletion(chat_request("later/text"), **client.options).choices
