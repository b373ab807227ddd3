"""`arouter keys` and `arouter accounts`, as an operator types them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from arouter.sql.revision import make_sqlite, sqlite_path
from emulator import Emulator
from support.command import Done, run_command
from support.management import Manager
from support.postgres import Postgres
from support.process import Process
from support.stack import Stack

Run: TypeAlias = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command to its end, on a database of the test's own."""
    make_sqlite(sqlite_path(tmp_path / "state"))

    def run(*arguments: str, **environment: str) -> Done:
        return run_command(*arguments, **{"AROUTER_STATE_DIR": str(tmp_path / "state"), **environment})

    return run


def printed_json(done: Done) -> Any:
    assert done.returncode == 0, done.log
    return json.loads(done.printed)


def test_a_key_from_its_making_to_its_end(run: Run, tmp_path: Path) -> None:
    options = "--limit 5 --limit-reset monthly --allow-provider OpenAI --allow-model openai/gpt-5* --requests-per-day 9"
    made = printed_json(run("keys", "create", "first key", *options.split(), "--expires", "30d", "--json"))
    assert made["key"].startswith("lr_live_")
    key = made["data"]
    assert (key["name"], key["account"], key["limit"], key["limit_reset"]) == ("first key", "default", 5, "monthly")
    assert (key["allowed_providers"], key["allowed_models"]) == (["openai"], ["openai/gpt-5*"])
    assert key["rate_limit"] == {"requests_per_minute": None, "requests_per_day": 9, "tokens_per_minute": None}
    assert key["expires_at"] > key["created_at"]
    prefix = key["hash"][:6]

    header, line = run("keys", "list").printed.splitlines()
    assert header.split() == ["HASH", "NAME", "TYPE", "ACCOUNT", "STATE", "LIMIT", "LEFT", "SPENT", "EXPIRES"]
    assert line.split()[:8] == [key["hash"][:12], "first", "key", "regular", "default", "enabled", "5", "monthly"]
    assert line.index("first key") == header.index("NAME")

    changes = "--limit none --limit-reset never --all-providers --all-models --requests-per-day none --expires never"
    changed = printed_json(run("keys", "update", prefix, *changes.split(), "--name", "other", "--json"))["data"]
    assert changed["name"] == "other"
    for field in ("limit", "limit_reset", "allowed_providers", "allowed_models", "rate_limit", "expires_at"):
        assert changed[field] is None

    assert run("keys", "disable", prefix).printed == f"Key {key['hash'][:12]} is disabled.\n"
    assert "disabled           yes" in run("keys", "show", key["hash"]).printed
    assert run("keys", "enable", prefix.upper()).printed == f"Key {key['hash'][:12]} is enabled.\n"
    assert printed_json(run("keys", "list", "--json"))["data"][0]["disabled"] is False
    assert run("keys", "delete", prefix).printed == f"Key {key['hash'][:12]} is revoked.\n"
    assert printed_json(run("keys", "list", "--json")) == {"data": [], "next_page_token": None}
    assert made["key"] not in "".join(path.read_text("latin-1") for path in (tmp_path / "state").iterdir())


def test_usage_is_summed_up_by_account(run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state" / "arouter.db")) as database, database:
        for model in ("p/m", "p/n"):
            row = (datetime.now(UTC).date().isoformat(), "a" * 64, model, "acme", 1, 10, 5, 500)
            database.execute("INSERT INTO usage_daily VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    header, line = run("usage", "--by", "account", "--by", "key").printed.splitlines()

    assert header.split() == ["KEY", "ACCOUNT", "REQUESTS", "PROMPT", "COMPLETION", "USD"]
    assert line.split() == ["a" * 12, "acme", "2", "20", "10", "0.000001"]


def test_a_secret_is_all_that_is_printed(tmp_path: Path) -> None:
    """In a process and on a database of its own, as an operator's first command."""
    made = Process(["keys", "create", "boss", "--management"], {"AROUTER_STATE_DIR": str(tmp_path / "state")}, tmp_path)

    assert made.wait() == 0
    assert made.printed.startswith("lr_mgmt_")
    assert len(made.printed.splitlines()) == 1
    assert "of the operator. Its secret is shown only once:" in made.log


def test_accounts(run: Run) -> None:
    options = ("--name", "Acme Inc.", "--provider", "openai", "--default-model", "auto")
    made = printed_json(run("accounts", "create", "acme", *options, "--json"))["data"]
    assert made["default_model"] == "auto"
    assert (made["id"], made["name"], made["providers"], made["disabled"]) == ("acme", "Acme Inc.", ["openai"], False)
    assert run("keys", "create", "x", "--account", "acme").returncode == 0
    assert "acme     Acme Inc.  enabled  openai     auto" in run("accounts", "list").printed

    changes = "--all-providers --default-model none --disable"
    changed = printed_json(run("accounts", "update", "acme", *changes.split(), "--json"))["data"]
    assert (changed["providers"], changed["default_model"], changed["disabled"]) == (None, None, True)
    assert "disabled       no" in run("accounts", "update", "acme", "--enable").printed
    assert len(printed_json(run("keys", "list", "--account", "acme", "--json"))["data"]) == 1
    deleted = run("accounts", "delete", "acme").printed
    assert deleted == "Account acme is deleted, and its keys are revoked.\n"
    assert printed_json(run("keys", "list", "--json"))["data"] == []
    assert [account["id"] for account in printed_json(run("accounts", "list", "--json"))["data"]] == ["default"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "create", "x", "--account", "missing"], "There is no such account. Create it first."),
        (["keys", "create", "x", "--limit", "-1"], "Invalid value for 'limit': expected an amount of USD"),
        (["keys", "create", "x", "--management", "--limit", "5"], "'limit' restricts calls to models"),
        (["keys", "create", f"lr_live_{'x' * 43}"], "'name' looks like a secret"),
        (["keys", "list", "--account", "missing"], "There is no such account."),
        (["keys", "show", "abcdef"], "There is no such key."),
        (["keys", "show", "abc"], "HASH must have at least 6 characters"),
        (["keys", "delete", "%%%%%%"], "There is no such key."),
        (["accounts", "create", "A B"], "Invalid value for 'id': expected 1 to 64 lower-case letters"),
        (["accounts", "create", "default"], "The id is taken."),
        (["accounts", "delete", "default"], "The account 'default' cannot be removed"),
        (["accounts", "show", "missing"], "There is no such account."),
    ],
)
def test_a_mistake_is_one_line(run: Run, arguments: list[str], said: str) -> None:
    failed = run(*arguments)

    assert failed.returncode == 1
    assert failed.log.startswith(f"Error: {said}")
    assert failed.log.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["keys", "create", "x", "--expires", "yesterday"], "expected a future time: 2027-01-31T12:00:00Z, 30d, 12h"),
        (["keys", "create", "x", "--expires", "0d"], "expected a future time"),
        (
            ["keys", "update", "abcdef", "--allow-model", "a", "--all-models"],
            "--allow-model and --all-models are mutually exclusive",
        ),
        (
            ["keys", "update", "abcdef", "--allow-provider", "a", "--all-providers"],
            "--allow-provider and --all-providers are mutually exclusive",
        ),
        (["accounts", "update", "default", "--provider", "a", "--all-providers"], "--provider and --all-providers"),
    ],
)
def test_options_that_make_no_sense_are_explained(run: Run, arguments: list[str], said: str) -> None:
    failed = run(*arguments)

    assert failed.returncode == 2
    assert said in failed.log


def test_an_expired_key_is_listed_as_such(run: Run, tmp_path: Path) -> None:
    assert run("keys", "create", "short", "--expires", "1h").returncode == 0
    with closing(sqlite3.connect(tmp_path / "state" / "arouter.db")) as database, database:
        database.execute("UPDATE keys SET expires_at = 1")

    assert run("keys", "list").printed.splitlines()[1].split()[4] == "expired"


def test_a_database_that_cannot_be_used_is_one_line(run: Run, postgres: Postgres) -> None:
    for url, said in (
        (postgres.new_database(), "the database is not up to date: run `arouter migrate` first"),
        ("postgresql://x@127.0.0.1:1/x", "the database cannot be used: "),
    ):
        failed = run("keys", "list", AROUTER_DATABASE_URL=url)
        assert failed.returncode == 1
        assert failed.log.startswith(f"Error: {said}")
        assert failed.log.count("\n") == 1


def test_postgresql(run: Run, postgres: Postgres) -> None:
    url = postgres.new_database()
    assert run("migrate", AROUTER_DATABASE_URL=url).returncode == 0

    made = printed_json(run("keys", "create", "x", "--json", AROUTER_DATABASE_URL=url))["data"]

    listed = printed_json(run("keys", "list", "--json", AROUTER_DATABASE_URL=url))
    assert listed == {"data": [made], "next_page_token": None}


def test_a_running_server_learns_of_it(run: Run, stack: Stack, emulator: Emulator) -> None:
    state = str(stack.folder / "state")
    secret = run("keys", "create", "x", AROUTER_STATE_DIR=state).printed.strip()
    operator = Manager(stack)

    key = Manager(stack, secret).current().json["data"]
    run("keys", "delete", key["hash"], AROUTER_STATE_DIR=state)

    operator.until(lambda: Manager(stack, secret).current().status == 401, "revoked")
