"""The other commands, as a person types them; most run in the tests' own process, which is much faster."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from emulator.answers import TEXT
from support.command import run_command
from support.process import Process
from support.stack import Stack, running


def run(arguments: list[str], environment: dict[str, str], folder: Path) -> Process:
    """Runs a command to its end in a process of its own."""
    process = Process(arguments, environment, folder)
    process.wait()
    return process


@pytest.fixture
def client(stack: Stack, tmp_path: Path) -> dict[str, str]:
    """The environment of a command beside the stack."""
    return {
        "AROUTER_GRPC_PORT": str(stack.grpc_port),
        "AROUTER_DEV_KEY": stack.key,
        "AROUTER_STATE_DIR": str(tmp_path / "state"),
    }


def test_models_lists_the_ids(client: dict[str, str], emulator: Emulator, tmp_path: Path) -> None:
    """In a process of its own."""
    listed = run(["models"], client, tmp_path)

    assert listed.returncode == 0
    assert "emu/text" in listed.printed.splitlines()


def test_the_key_in_the_environment_is_used(client: dict[str, str], emulator: Emulator) -> None:
    key = client.pop("AROUTER_DEV_KEY")

    assert "emu/text" in run_command("models", **client, AROUTER_KEY=key).printed
    wrong = run_command("models", **client, AROUTER_KEY="lr_live_wrong", AROUTER_DEV_KEY=key)
    assert wrong.log == "Error: UNAUTHENTICATED: Invalid API key.\n"


def test_chat_streams_an_answer(client: dict[str, str], emulator: Emulator, tmp_path: Path) -> None:
    """In a process of its own too."""
    answer = run(["chat", "hello", "--model", "emu/text"], client, tmp_path)

    assert (answer.returncode, answer.printed) == (0, f"{TEXT}\n")
    assert emulator.calls[-1].json["messages"] == [{"role": "user", "content": "hello"}]


def test_chat_works_through_the_gateways_port(client: dict[str, str], stack: Stack, emulator: Emulator) -> None:
    answer = run_command("chat", "hello", "--model", "emu/text", "--target", f"127.0.0.1:{stack.port}", **client)

    assert answer.printed == f"{TEXT}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chat", "hello", "--model", "emu/none"], "NOT_FOUND: The model 'emu/none' does not exist."),
        (["chat", "hello", "--model", "emu/status-500"], "UNAVAILABLE: The provider failed with status 500"),
        (["models", "--key", "lr_live_wrong"], "UNAUTHENTICATED: Invalid API key."),
        (["models", "--target", "127.0.0.1:1"], "UNAVAILABLE: no service at 127.0.0.1:1; is `arouter up` running?"),
    ],
)
def test_a_failed_call_is_one_line(client: dict[str, str], emulator: Emulator, arguments: list[str], said: str) -> None:
    failed = run_command(*arguments, **client)

    assert failed.returncode == 1
    assert failed.log.startswith(f"Error: {said}")
    assert failed.log.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["up"],
        ["serve"],
        ["models"],
        ["chat"],
        ["keys"],
        ["keys", "create"],
        ["keys", "update"],
        ["accounts"],
        ["accounts", "update"],
        ["gateway"],
        ["gateway", "render"],
        ["gateway", "validate"],
        ["check-config"],
    ],
)
def test_every_command_explains_itself(command: list[str]) -> None:
    help_ = run_command(*command, "--help")

    assert help_.returncode == 0
    assert help_.printed.startswith("Usage: arouter")
    assert len(help_.printed.splitlines()) > 4


def test_a_mistyped_command_is_recognised() -> None:
    assert "Did you mean 'serve'?" in run_command("serv").log


def test_the_gateways_configuration_is_rendered_and_valid(tmp_path: Path) -> None:
    environment = {"AROUTER_PORT": "18080", "AROUTER_STATE_DIR": str(tmp_path / "state")}

    rendered = run_command("gateway", "render", "--out", str(tmp_path / "out"), **environment)
    validated = run_command("gateway", "validate", **environment)

    path = Path(rendered.printed.strip())
    assert path == tmp_path / "out" / "envoy.yaml"
    assert "18080" in path.read_text()
    assert (validated.returncode, validated.printed) == (0, f"{tmp_path / 'state' / 'gateway' / 'envoy.yaml'}: valid\n")


def test_a_bad_origin_is_named(tmp_path: Path) -> None:
    config = tmp_path / "arouter.yaml"
    config.write_text("gateway: {cors: {allow_origins: ['app.example.com']}}")

    failed = run_command("gateway", "render", AROUTER_CONFIG=str(config))

    assert failed.returncode == 1
    assert failed.log.startswith(f"Error: {config}: gateway: cors_allow_origins: 'app.example.com'")


def test_a_worker_that_dies_is_replaced(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, config, ("serve", "--workers", "2")) as stack:
        process = stack.process
        process.wait_until(lambda: process.log.count("serving on") == 2, "two workers")
        process.children()[0].kill()
        process.wait_until(lambda: process.log.count("serving on") == 3, "three starts")

        assert len(process.children()) == 2
        assert "exited with status -9 and is replaced" in process.log
        assert "each of the 2 workers counts limits separately: AROUTER_REDIS_URL is not set" in process.log


def test_workers_that_cannot_start_end_it(tmp_path: Path) -> None:
    environment = {"AROUTER_STATE_DIR": str(tmp_path)}
    (tmp_path / "dev_key").write_text("damaged")

    failed = run(["serve", "--workers", "2"], environment, tmp_path)

    assert failed.returncode == 1
    assert "Traceback" not in failed.log
    assert "right after its start" in failed.log
    assert "delete it to get a new key" in failed.log


def test_a_client_makes_no_key_and_needs_no_configuration(tmp_path: Path) -> None:
    environment = {"AROUTER_STATE_DIR": str(tmp_path / "state"), "AROUTER_CONFIG": str(tmp_path / "none.yaml")}

    failed = run_command("models", **environment)

    assert failed.log.startswith(
        f"Error: no key in {tmp_path / 'state' / 'dev_key'}; run this where ARouter was started"
    )
    assert not (tmp_path / "state").exists()


def test_a_proxy_in_the_environment_sees_nothing(client: dict[str, str], emulator: Emulator, tmp_path: Path) -> None:
    proxied = {**client, "http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}

    assert "emu/text" in run(["models"], proxied, tmp_path).printed


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    environment = {"AROUTER_STATE_DIR": str(tmp_path)}
    assert run_command("migrate", **environment).returncode == 0
    with closing(sqlite3.connect(tmp_path / "arouter.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")

    for refused in (
        run(["serve"], environment, tmp_path),
        run_command("migrate", **environment),
        run_command("keys", "list", **environment),
    ):
        assert refused.returncode == 1
        assert "the database has schema 9999, which is newer than this ARouter's" in refused.log
        assert "Traceback" not in refused.log
