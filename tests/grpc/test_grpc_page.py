"""`docs/grpc.md` is true: its commands make stubs, and with nothing but these its examples are clients that work."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from arouter.v1 import chat_service_pb2
from emulator import Emulator
from emulator.answers import TEXT, USAGE
from support.docs import ROOT, blocks
from support.stack import Stack

BLOCKS = blocks("docs/grpc.md")
CALL, STREAM, ASYNCIO, TURNS, ROUTE, WATCH = (text for kind, text in BLOCKS if kind == "python")
STUBS, BY_HAND, BUF_CURL = (text for kind, text in BLOCKS if kind == "sh")
INSTALL, _, GENERATE = STUBS.partition("\n")
ADDRESS = "127.0.0.1:50051"
MODEL = '"local/smollm2-135m-instruct"'


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the page's command was run, beside the project's `protos/`."""
    folder = tmp_path_factory.mktemp("stubs")
    (folder / "protos").symlink_to(ROOT / "protos")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", GENERATE],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Page:
    """The page's examples, for the service or the gateway of a stack."""

    def __init__(self, stubs: Path, stack: Stack, port: int) -> None:
        self._gen = stubs / "gen"
        self._stack = stack
        self._port = port

    def start(self, *code: str, model: str = "emu/text") -> subprocess.Popen[str]:
        """Starts a process that has only the stubs and what is installed: -S leaves out the path to our own package."""
        script = "".join(
            [*code, f"\nimport arouter\nassert list(arouter.__path__) == [{str(self._gen / 'arouter')!r}]\n"]
        )
        assert script.count(ADDRESS) == script.count(MODEL) == 1
        script = script.replace(ADDRESS, f"127.0.0.1:{self._port}").replace(MODEL, repr(model))
        path = os.pathsep.join([str(self._gen), sysconfig.get_path("purelib")])
        return subprocess.Popen(
            [sys.executable, "-S", "-P", "-W", "error", "-c", script],
            env={**os.environ, "PYTHONPATH": path, "AROUTER_KEY": self._stack.key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *code: str, model: str = "emu/text") -> tuple[int, str, str]:
        """Returns the exit status and what was printed."""
        with self.start(*code, model=model) as process:
            printed, errors = process.communicate(timeout=60)
        return process.returncode, printed, errors


@pytest.fixture(params=["direct", "through Envoy"])
def page(request: pytest.FixtureRequest, stubs: Path, stack: Stack, emulator: Emulator) -> Page:
    return Page(stubs, stack, stack.port if request.param == "through Envoy" else stack.grpc_port)


def test_what_it_installs_is_what_these_tests_use() -> None:
    pip, install, *packages = INSTALL.split()

    assert (pip, install) == ("pip", "install")
    assert all(importlib.metadata.version(package) for package in packages)


def test_its_examples_work(page: Page, emulator: Emulator) -> None:
    status, printed, errors = page.run(CALL, STREAM, ASYNCIO, TURNS)

    assert status == 0, errors
    whole = f"{TEXT} {USAGE.total_tokens}\n"
    assert printed == f"{whole}emu\n{whole}{TEXT}{TEXT}\n"
    messages = emulator.calls[-1].json["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == TEXT


def test_routes_and_changes_are_told(page: Page) -> None:
    """The examples of `ExplainRoute` and `WatchModels` print what the page says they do."""
    status, printed, errors = page.run(CALL, ROUTE, WATCH)

    assert status == 0, errors
    attempt, candidate, verdict, known = printed.splitlines()[1:]
    assert attempt == "emu/text ok"
    assert candidate.startswith("emu/text asked for; ")
    assert (verdict, known) == ("unknown", "True")


def test_an_error_is_told_with_its_reason(page: Page) -> None:
    status, _, errors = page.run(CALL, model="emu/status-429")

    assert status == 1
    assert errors == "RESOURCE_EXHAUSTED RATE_LIMITED: emulated failure 429\n"


def test_asyncios_error_has_the_reason_too(page: Page) -> None:
    later = f'request.model = "emu/status-429"\ntry:\n    {ASYNCIO.splitlines()[-1]}\n'
    status, printed, errors = page.run(
        CALL, ASYNCIO, later, "except grpc.aio.AioRpcError as error:\n    print(reason(error))\n"
    )

    assert status == 0, errors
    assert printed.endswith("RATE_LIMITED\n")


def test_the_deadline_ends_the_call(page: Page) -> None:
    assert CALL.count('"timeout": 60}') == 1
    status, _, errors = page.run(CALL.replace('"timeout": 60}', '"timeout": 0.5}'), model="emu/hang")

    assert status == 1
    assert errors.startswith("DEADLINE_EXCEEDED ")


def test_cancelling_aborts_the_providers_work(page: Page, emulator: Emulator) -> None:
    endless = 'request.model = "emu/flood"\n'
    # It goes on after the example: the end of the process would cancel too.
    with page.start(CALL, endless, STREAM, "\nimport sys\nsys.stdin.read()\n") as process:
        flood = emulator.wait_for(lambda: next((c for c in emulator.calls if c.model == "flood"), None))
        aborted = flood.disconnected.wait(20)
        running = process.poll() is None
        _, errors = process.communicate(timeout=30)

    assert aborted
    assert running
    assert process.returncode == 0, errors


def test_what_grpcurl_is_told_is_there() -> None:
    service = chat_service_pb2.DESCRIPTOR.services_by_name["ChatService"]
    request = json_format.Parse(BY_HAND.split("-d '")[1].split("'")[0], chat_service_pb2.ChatCompletionRequest())

    assert request.messages[0].content
    assert BY_HAND.endswith(f"{ADDRESS} {service.full_name}/{service.methods_by_name['StreamChatCompletion'].name}\n")
    assert f"describe {request.DESCRIPTOR.full_name}\n" in BY_HAND


def test_buf_speaks_every_protocol(stack: Stack, emulator: Emulator) -> None:
    """Each command of the page prints the responses: one document for each message."""
    script = BUF_CURL
    for port, real in ((8080, stack.port), (50051, stack.grpc_port)):
        assert script.count(f"127.0.0.1:{port}/") == 1
        script = script.replace(f"127.0.0.1:{port}/", f"127.0.0.1:{real}/")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(MODEL, '"emu/text"')],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "AROUTER_KEY": stack.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    documents = list(json_documents(done.stdout))
    choices = [choice for document in documents for choice in document.get("choices", [])]
    whole = [choice["message"]["content"] for choice in choices if "message" in choice]
    pieces = [choice["delta"].get("content", "") for choice in choices if "delta" in choice]
    commands = [line.rpartition("/")[2] for line in BUF_CURL.splitlines() if line.startswith("buf curl")]
    assert whole == [TEXT] * commands.count("ChatCompletion")
    assert "".join(pieces) == TEXT * commands.count("StreamChatCompletion")
    assert len(emulator.calls) == len(commands) == 6


def json_documents(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        yield document
        at += len(text[at:]) - len(text[at:].lstrip())
