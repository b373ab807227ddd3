"""`arouter up`: everything starts, runs and stops together."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
import yaml

from emulator import Emulator
from support.command import run_command
from support.hanging import Hanging
from support.ports import HOST, free_ports
from support.process import AROUTER, Process, assert_gone
from support.stack import CLIENT_KEY, Stack, is_healthy, running, started

PARTS = [("local", "arouter.embedded"), ("service", "serve"), ("gateway", "envoy")]
LOCAL_MODEL = "local/smollm2-135m-instruct"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What a newcomer has: no configuration at all."""
    with running(tmp_path_factory.mktemp("local"), {}) as stack:
        yield stack


def part(process: Process, word: str) -> psutil.Process:
    """Returns the child whose command line has `word`."""
    [found] = [child for child in process.children() if word in " ".join(child.cmdline())]
    return found


def test_a_real_model_answers_without_any_configuration(local: Stack) -> None:
    with openai.OpenAI(base_url=local.base_url, api_key=local.key) as client:
        assert [model.id for model in client.models.list()] == [LOCAL_MODEL]
        messages: Any = [{"role": "user", "content": "Say hello."}]
        # Even at temperature 0 llama.cpp answers otherwise from a cold prompt cache than from a warm one.
        client.chat.completions.create(model=LOCAL_MODEL, messages=messages, max_tokens=1)
        whole = client.chat.completions.create(model=LOCAL_MODEL, messages=messages, max_tokens=8, temperature=0)
        with client.chat.completions.create(
            model=LOCAL_MODEL, messages=messages, max_tokens=8, temperature=0, stream=True
        ) as stream:
            streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert whole.model == LOCAL_MODEL
    assert whole.choices[0].message.content == streamed
    assert streamed.strip()
    assert whole.usage is not None
    assert 0 < whole.usage.completion_tokens <= 8


def test_the_embedded_model_refuses_tools_that_it_would_ignore(local: Stack) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    asking: Any = {"model": LOCAL_MODEL.partition("/")[2], "messages": [{"role": "user", "content": "Say hello."}]}
    with openai.OpenAI(base_url=local.base_url, api_key=local.key, max_retries=0) as client:
        for choice in ("auto", "required"):
            with pytest.raises(openai.BadRequestError, match="cannot call tools") as refused:
                client.chat.completions.create(**asking, tools=[tool], tool_choice=choice)
            assert refused.value.param == "tools"
        served = client.chat.completions.create(**asking, tools=[tool], tool_choice="none", max_tokens=4)

    assert served.model == LOCAL_MODEL


def test_only_the_service_is_told_the_keys(local: Stack) -> None:
    told = {name: local.key in part(local.process, word).environ().values() for name, word in PARTS}

    assert told == {"local": False, "service": True, "gateway": False}


def test_the_service_logs_in_the_form_that_suits_who_reads_it(local: Stack) -> None:
    # `up` writes into a file here; the service, into a pipe either way.
    assert part(local.process, "serve").environ()["AROUTER_LOG_FORMAT"] == "json"


def test_it_prints_how_to_call_it(local: Stack) -> None:
    for told in (local.base_url, "in AROUTER_DEV_KEY", LOCAL_MODEL, "curl http", "OpenAI("):
        assert told in local.process.printed


def test_the_key_is_printed_on_a_terminal_alone(local: Stack) -> None:
    assert local.key not in local.process.printed + local.process.log


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_printed_works_as_it_stands(config: dict[str, Any], tmp_path: Path, terminal: bool) -> None:
    """With the key that was made, from which the output is read."""
    ours, theirs = pty.openpty()
    on_terminal = (
        f"import os, sys; os.dup2(os.open({os.ttyname(theirs)!r}, os.O_RDWR | os.O_NOCTTY), 1); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = (sys.executable, "-c", on_terminal, str(AROUTER)) if terminal else (str(AROUTER),)
    port, grpc_port = free_ports(2)
    (tmp_path / "arouter.yaml").write_text(yaml.safe_dump(config))
    environment = {
        "AROUTER_CONFIG": str(tmp_path / "arouter.yaml"),
        "AROUTER_PORT": str(port),
        "AROUTER_GRPC_PORT": str(grpc_port),
        "AROUTER_STATE_DIR": str(tmp_path / "its state"),
    }
    process = Process(["up"], environment, tmp_path, command)
    try:
        process.wait_until(lambda: is_healthy(port), "healthy")
        if terminal:
            text = b""
            while b"Ctrl-C stops" not in text:
                text += os.read(ours, 65536)
            printed = text.decode().replace("\r\n", "\n")
        else:
            process.wait_until(lambda: "Ctrl-C stops" in process.printed, "announced")
            printed = process.printed
        key = (tmp_path / "its state" / "dev_key").read_text().strip()
        assert (key in printed) == terminal
        assert key not in process.log
        curl = printed.partition("Try it:")[2].partition("From Python")[0]
        model = curl.partition('"model": "')[2].partition('"')[0]
        answered = subprocess.run(
            ["bash", "-c", curl.replace(model, "emu/text")], capture_output=True, text=True, timeout=30, check=True
        )
        assert "data: [DONE]" in answered.stdout
        assert process.stop() == 0
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)


def test_a_service_that_hangs_stops_the_rest(config: dict[str, Any], tmp_path: Path) -> None:
    hanging = Hanging(tmp_path / "site")
    with running(tmp_path / "stack", config, environment=hanging.variables) as stack:
        hanging.hang(part(stack.process, "serve").pid, 60)

        assert stack.process.wait() == 1

    log = stack.process.log
    assert "service | did not respond for 5 s and is killed" in log
    assert "service | Thread 0x" in log or "service | Current thread 0x" in log
    assert "service exited with status -9. Its last lines:\n" in log


@pytest.mark.parametrize(("name", "word"), PARTS)
def test_a_part_that_dies_stops_the_rest(tmp_path: Path, name: str, word: str) -> None:
    with running(tmp_path, {}) as stack:
        part(stack.process, word).kill()

        assert stack.process.wait() == 1

    log = stack.process.log
    assert f"{name} exited with status -9. Its last lines:\n" in log


def test_nothing_is_left_when_it_is_killed_itself(tmp_path: Path) -> None:
    port, grpc_port = free_ports(2)
    environment = {"AROUTER_PORT": str(port), "AROUTER_GRPC_PORT": str(grpc_port)}
    with started(tmp_path, None, ("up",), environment) as process:
        process.wait_until(lambda: is_healthy(port), "healthy")
        children = process.children()

        process.stop(signal.SIGKILL)

        assert len(children) == 3
        psutil.wait_procs(children, timeout=20)
        assert_gone(process, [port, grpc_port])


def test_a_second_ctrl_c_does_not_wait_for_open_calls(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    with running(tmp_path, config) as stack, openai.OpenAI(base_url=stack.base_url, api_key=stack.key) as client:
        messages: Any = [{"role": "user", "content": "x"}]
        stream = client.chat.completions.create(model="emu/gated", messages=messages, stream=True)
        next(stream)
        stack.process.send_signal(signal.SIGINT)
        stack.process.wait_until(lambda: "draining: 1 calls" in stack.process.log, "draining")

        assert stack.process.stop() == 0
        with pytest.raises(openai.APIError, match="shutting down"):
            list(stream)
    assert emulator.calls[-1].disconnected.wait(5)


@pytest.mark.parametrize(
    "variable", ["AROUTER_PORT", "AROUTER_GRPC_PORT", "AROUTER_METRICS_PORT", "AROUTER_GATEWAY_METRICS_PORT"]
)
def test_a_taken_port_is_named(tmp_path: Path, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        names = ["AROUTER_PORT", "AROUTER_GRPC_PORT"]
        ports = {name: str(free) for name, free in zip(names, free_ports(2), strict=True)}
        with started(tmp_path, None, ("up",), {**ports, variable: str(port)}) as process:
            assert process.wait() == 1

    assert process.log == f"Error: port {port} is already in use; set {variable} to another one\n"


@pytest.mark.parametrize("command", ["up", "serve"])
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("providers: [", "arouter.yaml: line 1: not valid YAML"),
        ("providers: [{id: x}]", "provider 'x' needs a base_url"),
        ("gateway: {corse: {}}", "arouter.yaml: gateway: unknown field 'corse'; did you mean 'cors'?"),
        (None, "arouter.yaml: No such file or directory"),
    ],
)
def test_a_bad_configuration_is_one_line(tmp_path: Path, command: str, config: str | None, said: str) -> None:
    path = tmp_path / "arouter.yaml"
    if config is not None:
        path.write_text(config)
    environment = {"AROUTER_STATE_DIR": str(tmp_path / "state"), "AROUTER_DEV_KEY": CLIENT_KEY}
    done = run_command(command, **environment, AROUTER_CONFIG=str(path))

    assert done.returncode == 1
    assert said in done.log
    assert CLIENT_KEY not in done.log
