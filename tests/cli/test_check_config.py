"""`arouter check-config`: what `arouter serve` would say, without starting anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import Done, run_command
from support.process import Process
from support.stack import CLIENT_KEY

SECRETS = {"MY_KEY": "sk-very-secret", "AROUTER_MGMT_KEY": f"lr_mgmt_{'s' * 32}"}
GOOD = """
providers:
  - {id: mine, base_url: "https://llm.example.com/v1", api_keys: ["${MY_KEY}"], models: [a, "*"]}
  - {id: here, base_url: "http://127.0.0.1:9001/v1", models: [b]}
models:
  - {id: shared/a, endpoints: [mine/a, here/b]}
"""
DOUBTFUL = """
providers:
  - {id: mine, base_url: "https://llm.example.com/v1"}
  - {id: here, base_url: "http://127.0.0.1:9001/v1", models: [b]}
  - {id: local}
models:
  - {id: shared/a, endpoints: [here/c, missing/a]}
routing: {default_provider: missing}
"""
BAD = {
    "not YAML": ("providers: [", "line 1: not valid YAML"),
    "a date that is none": ("accounts: 2024-99-99", "not valid YAML: month must be in 1..12"),
    "an unknown field": ("gateway: {corse: {}}", "gateway: unknown field 'corse'; did you mean 'cors'?"),
    "a wrong type": ("providers: [{id: openai, base_url: 5}]", "providers[0].base_url: "),
    "an unset variable": ('providers: [{id: a, api_keys: ["${UNSET}"]}]', "environment variable UNSET is not set"),
    "a repeated id": ("providers: [{id: openai}, {id: openai}]", "providers[1].id: 'openai' is already providers[0]"),
    "a provider without address": ("providers: [{id: x}]", "providers[0]: provider 'x' needs a base_url"),
    "a provider without key": ("providers: [{id: openai}]", "providers[0]: provider 'openai' needs a key"),
    "a key of no header": (
        "providers: [{id: a, base_url: 'http://x/v1', api_keys: ['a b']}]",
        "providers[0]: provider 'a': an API key has characters that are not allowed in headers",
    ),
    "no file": (None, "No such file or directory"),
}


def variables(folder: Path) -> dict[str, str]:
    """Returns the variables of a command on `checked.yaml` in a folder."""
    named = {"AROUTER_CONFIG": str(folder / "checked.yaml"), "AROUTER_STATE_DIR": str(folder / "state")}
    return SECRETS | {"AROUTER_DEV_KEY": CLIENT_KEY} | named


def check(folder: Path, text: str | None, *arguments: str, **environment: str) -> Done:
    """Runs the command to its end, on a file of that text."""
    if text is not None:
        (folder / "checked.yaml").write_text(text)
    return run_command("check-config", *arguments, **variables(folder) | environment)


def test_it_says_what_is_on(tmp_path: Path) -> None:
    shared = {
        "AROUTER_DATABASE_URL": "postgresql://user:secret@db.example.com/prod",
        "AROUTER_REDIS_URL": "rediss://user:secret@cache.example.com:6380/1",
        "AROUTER_METRICS_PORT": "9464",
    }
    (tmp_path / "checked.yaml").write_text(GOOD)
    done = Process(["check-config"], variables(tmp_path) | shared, tmp_path)

    assert (done.wait(), done.log) == (0, "")
    assert done.printed == (
        f"{tmp_path}/checked.yaml: valid\n"
        "providers  mine: https://llm.example.com/v1, 1 key, 1 model and those of its model list\n"
        "           here: http://127.0.0.1:9001/v1, no keys, 1 model\n"
        "models     shared/a: mine/a, here/b\n"
        "database   PostgreSQL, prod at db.example.com:5432\n"
        "limits     counted in cache.example.com:6380/1\n"
        "listens    gateway on 127.0.0.1:8080\n"
        "           gRPC on 127.0.0.1:50051\n"
        "           metrics on 127.0.0.1:9464\n"
    )


def test_it_starts_and_writes_nothing(tmp_path: Path) -> None:
    done = check(tmp_path, GOOD, AROUTER_DEV_KEY="")

    assert done.returncode == 0
    assert f"database   SQLite, {tmp_path}/state/arouter.db\n" in done.printed
    assert "limits     counted by each process separately\n" in done.printed
    assert not (tmp_path / "state").exists()


def test_what_is_hardly_meant_is_a_warning(tmp_path: Path) -> None:
    """Of a file that is named in the command, whatever AROUTER_CONFIG says."""
    path = tmp_path / "other.yaml"
    path.write_text(DOUBTFUL)

    done = check(tmp_path, None, str(path), AROUTER_CONFIG="/nowhere", AROUTER_PORT="50051")

    assert done.returncode == 0
    assert done.log.splitlines() == [
        "Warning: providers[0]: 'mine' has no key; set `api_keys: []` if it needs none",
        "Warning: providers[2]: `arouter serve` rejects 'local', which only `arouter up` starts",
        "Warning: models[0]: 'here' has no model 'here/c'",
        "Warning: models[0]: the provider of 'missing/a' is not enabled",
        "Warning: routing.default_provider: 'missing' is not enabled",
        "Warning: port 50051 is set 2 times",
    ]


def test_no_configuration_is_one_too(tmp_path: Path) -> None:
    done = check(tmp_path, None, AROUTER_CONFIG="")

    assert done.printed.startswith("no file: valid\n")
    assert done.log.startswith("Warning: no provider is enabled")


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_what_serve_says(tmp_path: Path, name: str) -> None:
    text, said = BAD[name]
    checked = check(tmp_path, text)

    assert (checked.returncode, checked.printed) == (1, "")
    assert checked.log.startswith(f"Error: {tmp_path}/checked.yaml: ")
    assert said in checked.log
    assert checked.log.count("\n") == 1
    serving = run_command("serve", **variables(tmp_path))
    assert serving.returncode == 1
    assert serving.log == checked.log


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AROUTER_PORT", "secret"),
        ("AROUTER_DATABASE_URL", "mysql://user:secret@db/x"),
        ("AROUTER_REDIS_URL", "http://user:secret@cache"),
        ("AROUTER_MGMT_KEY", "lr_mgmt_short"),
        ("AROUTER_DEV_KEY", "lr_mgmt_wrong"),
    ],
)
def test_the_environment_is_checked_as_well(tmp_path: Path, variable: str, value: str) -> None:
    done = check(tmp_path, GOOD, **{variable: value})

    assert done.returncode == 1
    assert done.log.startswith(f"Error: {variable}: ")
    assert "user:secret" not in done.log


def test_an_origin_that_the_gateway_refuses_is_named(tmp_path: Path) -> None:
    done = check(tmp_path, "gateway: {cors: {allow_origins: [app.example.com]}}")

    assert done.log.startswith(f"Error: {tmp_path}/checked.yaml: gateway: cors_allow_origins: 'app.example.com'")
