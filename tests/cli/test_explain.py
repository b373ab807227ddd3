"""`arouter explain`, as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from emulator import Emulator
from support.command import Done, run_command
from support.routes import PROMPT, config
from support.stack import Stack, running

Run: TypeAlias = Callable[..., Done]


@pytest.fixture(scope="module")
def routed(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service alone, with a provider of many models beside the usual ones."""
    many = {"id": "many", "base_url": provider.base_url, "models": [f"m{number:02}" for number in range(30)]}
    settings = config(provider)
    settings["providers"].append(many)
    settings["routing"]["auto"]["models"].append("many/*")
    with running(tmp_path_factory.mktemp("routed"), settings, command=("serve",)) as stack:
        yield stack


@pytest.fixture
def explain(routed: Stack, tmp_path: Path) -> Run:
    """Runs the command to its end."""

    def run(*arguments: str) -> Done:
        environment = {
            "AROUTER_GRPC_PORT": str(routed.grpc_port),
            "AROUTER_DEV_KEY": routed.key,
            "AROUTER_STATE_DIR": str(tmp_path / "state"),
        }
        return run_command("explain", *arguments, **environment)

    return run


def test_the_choice_of_auto_as_tables(explain: Run) -> None:
    """The difficulty, a table of candidates, one of the excluded, of which the first 20 are shown."""
    done = explain("Say hello.", "--why-not", "cheap/text")

    assert done.returncode == 0, done.log
    difficulty, candidates, excluded, verdict = done.printed.split("\n\n")
    assert difficulty.startswith("difficulty: ")
    header, first, *_ = candidates.splitlines()
    assert header.split() == ["#", "MODEL", "PROVIDER", "SCORE", "REASONS"]
    assert first.startswith("1  ")
    header, *rows, more = excluded.splitlines()
    assert header.split() == ["EXCLUDED", "PROVIDER", "CAUSE", "REASON"]
    assert len(rows) == 20
    assert all(row.split()[2] == "rank" for row in rows)
    assert more.startswith("… and ")
    assert verdict.startswith("why not cheap/text: 'cheap/text' is ")


def test_a_named_model(explain: Run) -> None:
    """Without a difficulty, and without a table that would be empty."""
    done = explain("Say hello.", "--model", "good/echo")

    assert done.returncode == 0, done.log
    header, row = done.printed.splitlines()
    assert header.startswith("#")
    assert row.split()[:3] == ["1", "good/echo", "good"]


def test_a_whole_request_as_json(explain: Run, tmp_path: Path) -> None:
    """`--file` takes what the chat takes; `--json` prints what REST answers."""
    request: dict[str, Any] = {"model": "meta/shared", "messages": PROMPT, "provider": {"only": ["cheap"]}}
    (tmp_path / "request.json").write_text(json.dumps(request), "utf-8")
    done = explain("--file", str(tmp_path / "request.json"), "--json")

    assert done.returncode == 0, done.log
    route = json.loads(done.printed)["route"]
    assert route["candidates"] == []
    assert {each["provider"] for each in route["excluded"]} == {"good", "other"}
    assert explain("--file", str(tmp_path / "request.json")).printed.startswith("No endpoint is available.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'PROMPT' or option '--file'."),
        (["hi", "--file", __file__], "--file contains the complete request and excludes PROMPT and --model."),
        (["--file", __file__], "INVALID_ARGUMENT: The request body is not valid JSON"),
        (["hi", "--model", "good/missing"], "NOT_FOUND: The model 'good/missing' does not exist."),
    ],
)
def test_a_mistake_is_said_in_one_line(explain: Run, arguments: list[str], said: str) -> None:
    """Nothing is printed that could be taken for a plan."""
    done = explain(*arguments)

    assert done.returncode != 0
    assert done.printed == ""
    assert done.log.splitlines()[-1].startswith(f"Error: {said}")
