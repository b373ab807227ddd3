"""`arouter up` and `arouter serve` as a person meets them: what they print, how they end, what they refuse."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from emulator import Emulator
from support.command import run_command
from support.ports import HOST, free_ports
from support.process import AROUTER, assert_gone
from support.stack import CLIENT_KEY, Stack, running, started


def ports() -> dict[str, str]:
    port, grpc_port = free_ports(2)
    return {"AROUTER_PORT": str(port), "AROUTER_GRPC_PORT": str(grpc_port)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path, config) as stack:
        names = {process.name() for process in stack.process.children()}

        assert "envoy" in names
        assert stack.process.stop(number) == 0
        assert_gone(stack.process, [stack.port, stack.grpc_port])


@pytest.fixture(scope="module")
def announced(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a single model, which has told how to use it."""
    only = {"providers": [config["providers"][0] | {"models": ["text"]}]}
    with running(tmp_path_factory.mktemp("announced"), only) as stack:
        stack.process.wait_until(lambda: "Ctrl-C" in stack.process.printed, "announced")
        yield stack


def with_key(stack: Stack) -> dict[str, str]:
    """Returns the environment of a client that has the key where the text says it is."""
    return {**os.environ, "AROUTER_DEV_KEY": stack.key}


def test_up_tells_how_to_use_it(announced: Stack) -> None:
    printed = announced.process.printed

    assert announced.base_url in printed
    assert "in AROUTER_DEV_KEY" in printed
    assert announced.key not in printed
    assert "curl" in printed
    assert "OpenAI(" in printed


def test_the_printed_curl_line_works(announced: Stack, emulator: Emulator) -> None:
    command = re.search(r"^ *curl (?:.*\\\n)*.*$", announced.process.printed, re.MULTILINE)
    assert command
    done = subprocess.run(["sh", "-c", command[0]], capture_output=True, timeout=30, env=with_key(announced))

    assert done.stdout.endswith(b"data: [DONE]\n\n"), done.stderr


def test_the_printed_python_works(announced: Stack, emulator: Emulator) -> None:
    found = re.search(r"^  import os(?:.*\n)*?(?=\S)", announced.process.printed, re.MULTILINE)
    assert found
    program = re.sub(r"^  ", "", found[0], flags=re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env=with_key(announced)
    )

    assert done.stdout.startswith("Hello from the emulator"), done.stderr


def test_without_a_key_one_is_made_and_kept_private(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        with running(tmp_path, config, environment={"AROUTER_DEV_KEY": ""}) as stack:
            stack.process.wait_until(lambda: "Ctrl-C" in stack.process.printed, "announced")
            kept = tmp_path / "state" / "dev_key"
            stack.key = kept.read_text("utf-8").strip()
            made.append(stack.key)
            with stack.rest() as rest:
                assert rest.get("/v1/models").status == 200
            assert str(kept) in stack.process.printed
        assert stack.key not in stack.process.printed
        assert stack.key not in stack.process.log
        files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
        assert [path for path in files if stack.key.encode() in path.read_bytes()] == [kept]
        assert kept.stat().st_mode & 0o777 == 0o600

    assert made[0] == made[1]
    assert made[0] != CLIENT_KEY


@pytest.mark.parametrize("variable", ["AROUTER_PORT", "AROUTER_GRPC_PORT"])
def test_a_taken_port_is_named(config: dict[str, Any], tmp_path: Path, variable: str) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        with started(tmp_path, config, ("up",), ports() | {variable: port}) as process:
            assert process.wait() != 0
            assert port in process.log
            assert variable in process.log
            assert "Traceback" not in process.log
            assert process.survivors() == []


BAD_CONFIGS: dict[str, tuple[str, str]] = {
    "not YAML": ("providers:\n  - id: [\n", "line 3"),
    "an unknown option": ("provders: []\n", "provders"),
    "a wrong type": ("providers:\n  - id: openai\n    base_url: 5\n", "providers[0].base_url"),
    "an unset variable": ('providers: [{id: openai, api_keys: ["${AROUTER_TEST_UNSET}"]}]\n', "AROUTER_TEST_UNSET"),
    "a repeated id": ("providers: [{id: openai}, {id: openai}]\n", "providers[1].id"),
    "a deadline of nothing": ("timeouts: {connect: 0}\n", "timeouts.connect"),
}


@pytest.mark.parametrize("command", ["up", "serve"])
@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_a_bad_configuration_is_named_by_file_and_place(tmp_path: Path, name: str, command: str) -> None:
    text, place = BAD_CONFIGS[name]
    path = tmp_path / "wrong.yaml"
    path.write_text(text)

    state = str(tmp_path / "state")
    done = run_command(command, **ports(), AROUTER_CONFIG=str(path), AROUTER_STATE_DIR=state)

    assert done.returncode != 0
    assert str(path) in done.log
    assert place in done.log


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing.yaml"

    with started(tmp_path, None, ("serve",), ports() | {"AROUTER_CONFIG": str(path)}) as process:
        assert process.wait() != 0
        assert str(path) in process.log


def test_two_stacks_on_one_machine_do_not_meet(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path / "one", config) as one, running(tmp_path / "two", config) as two:
        for stack in (one, two):
            with stack.rest() as rest:
                assert rest.get("/v1/models").status == 200


def test_every_listener_is_on_loopback(announced: Stack) -> None:
    processes = [psutil.Process(announced.process.pid), *announced.process.children()]
    listening = [
        connection.laddr
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    # gRPC listens with an IPv6 socket on the same address.
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {HOST}
    assert {announced.port, announced.grpc_port} <= {address.port for address in listening}


def test_several_workers_share_one_port(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, config, ("serve", "--workers", "2")) as stack:
        stack.process.wait_until(lambda: stack.process.log.count("serving on") == 2, "serving twice")

        assert len(stack.process.children()) == 2


def test_the_command_line_client_lists_and_chats(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, config, ("serve",)) as stack:
        environment = {
            "PATH": "/usr/bin:/bin",
            "AROUTER_CONFIG": str(tmp_path / "arouter.yaml"),
            "AROUTER_GRPC_PORT": str(stack.grpc_port),
            "AROUTER_DEV_KEY": stack.key,
            "AROUTER_STATE_DIR": str(tmp_path / "state"),
        }
        listed = subprocess.run([AROUTER, "models"], env=environment, capture_output=True, text=True, timeout=30)
        said = subprocess.run(
            [AROUTER, "chat", "--model", "emu/echo", "Wie geht's? 🙂"],
            env=environment | {"PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            timeout=30,
        )

    assert "emu/text" in listed.stdout.split(), listed.stderr
    assert said.stdout.strip() == "Wie geht's? 🙂", said.stderr
    assert json.dumps(emulator.calls[-1].json["messages"][-1]["content"]) == json.dumps("Wie geht's? 🙂")
