"""The Python client's wheel, alone in a fresh virtual environment: every block of docs/python.md, with a real stack."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from emulator import Emulator
from emulator.answers import TEXT, TOOL_CALLS, USAGE
from support.docs import ROOT, blocks
from support.programs import run
from support.stack import Stack

BLOCKS = blocks("docs/python.md")
CALL, STUB, STREAM, TOOLS, ERRORS, DEADLINE, ASYNCIO, CONNECTIONS = (text for kind, text in BLOCKS if kind == "python")
[INSTALL] = (text for kind, text in BLOCKS if kind == "sh")
ADDRESS = "127.0.0.1:50051"
MODEL = '"local/smollm2-135m-instruct"'
MAX_SIZE = 300_000
"""Bytes of the wheel."""

NEEDED = {"arouter-client", "googleapis-common-protos", "grpcio", "protobuf", "typing-extensions"}
FORK = """
import os, sys
client.list_models()
child = os.fork()
if child == 0:
    os._exit(0 if MODEL in [model.id for model in client.list_models()] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(client.list_models()) > 0)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, "./clients/python"], ROOT)
    [wheel] = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has only the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", folder], ROOT)
    command, install, path = INSTALL.split()
    assert (command, install, path) == ("pip", "install", "./clients/python")
    run([folder / "bin/pip", install, "--quiet", "-c", "constraints.txt", wheel], ROOT)
    return folder / "bin/python"


class Page:
    """The page's examples, for the service or the gateway of a stack."""

    def __init__(self, python: Path, folder: Path, stack: Stack, port: int) -> None:
        self._python = python
        self._folder = folder
        self._stack = stack
        self._port = port

    def start(self, *code: str, model: str = "emu/text") -> subprocess.Popen[str]:
        """Starts a process in the environment that runs the code."""
        script = "".join(code).replace(ADDRESS, f"127.0.0.1:{self._port}").replace(MODEL, repr(model))
        return subprocess.Popen(
            [self._python, "-I", "-W", "error", "-c", script],
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "AROUTER_KEY": self._stack.key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *code: str, model: str = "emu/text") -> str:
        """Returns what the code prints."""
        with self.start(*code, model=model) as process:
            printed, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return printed


@pytest.fixture(params=["direct", "through Envoy"])
def page(request: pytest.FixtureRequest, python: Path, tmp_path: Path, stack: Stack, emulator: Emulator) -> Page:
    return Page(python, tmp_path, stack, stack.port if request.param == "through Envoy" else stack.grpc_port)


def test_the_wheel_is_small_and_typed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert wheel.stat().st_size <= MAX_SIZE
    assert {"arouter/client/py.typed", "arouter/v1/py.typed", "arouter/v1/chat_service_pb2.pyi"} <= {*names}
    assert {name.split("/")[1] for name in names if name.startswith("arouter/")} == {"client", "v1"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_needs_little(python: Path) -> None:
    listed = run([python, "-m", "pip", "list", "--format", "freeze"], ROOT).split()

    assert {row.partition("==")[0].replace("_", "-") for row in listed} - {"pip", "setuptools", "wheel"} == NEEDED


def test_list_chat_and_stream(page: Page) -> None:
    printed = page.run(CALL, STUB, STREAM, ASYNCIO, "print(message.content)\n")

    assert printed == f"True\n{TEXT} {USAGE.total_tokens}\nFalse\n{TEXT}\n{TEXT}\n{TEXT}\n"


def test_tools(page: Page, emulator: Emulator) -> None:
    printed = page.run(CALL, TOOLS, model="emu/tools").splitlines()

    assert [line.split()[0] for line in printed[2:-1]] == [name for _, name, _ in TOOL_CALLS]
    assert printed[-1] == '"tool_calls"'
    last = emulator.calls[-1].json
    assert [message["role"] for message in last["messages"]] == ["user", "assistant", "tool", "tool"]
    assert last["top_k"] == 40


def test_errors_and_deadlines(page: Page) -> None:
    # A fast response could arrive before gRPC checks its timers.
    printed = page.run(CALL, ERRORS, 'request.model = "emu/hang"\n', DEADLINE)

    assert printed.splitlines()[2:] == ["MODEL_NOT_FOUND model_not_found 404", "DEADLINE_EXCEEDED"]


def test_leaving_a_stream_cancels_it(page: Page, emulator: Emulator) -> None:
    left = STREAM.replace("        for choice", "        break\n        for choice")
    assert left != STREAM
    endless = CALL[: CALL.index("response =")].replace(MODEL, '"emu/flood"')
    # It goes on after the example: the end of the process would cancel too.
    with page.start(endless, left, "\nimport sys\nsys.stdin.read()\n") as process:
        flood = emulator.wait_for(lambda: next((call for call in emulator.calls if call.model == "flood"), None))
        aborted = flood.disconnected.wait(20)
        running = process.poll() is None
        _, errors = process.communicate(timeout=30)

    assert aborted
    assert running
    assert process.returncode == 0, errors


def test_connections_are_made_with_the_first_call(page: Page, tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem", "key.txt"):
        (tmp_path / name).write_text("x\n")

    assert page.run(CONNECTIONS.replace("from pathlib", "from arouter.client import Client\nfrom pathlib")) == ""


def test_a_forked_process_has_a_connection_of_its_own(page: Page) -> None:
    assert page.run(CALL, FORK).splitlines()[-1] == "0 True"
