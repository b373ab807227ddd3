"""The commands of docs/accounts.md, and then those of docs/usage.md, do what they say, pasted as they are."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from emulator import Emulator
from support.docs import ROOT, blocks
from support.stack import Stack, running

# Each answer on a line of its own.
CURL = 'curl() { command curl -sS "$@"; echo; }\n'


def bash(stack: Stack, commands: str) -> str:
    """Runs commands of the documentation for the port, the folder and the models of this test."""
    here = commands.replace(":8080", f":{stack.port}").replace("var/", f"{stack.folder}/")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", CURL + here.replace("local/smollm2-135m-instruct", "emu/text")],
        env={**os.environ, "AROUTER_STATE_DIR": str(stack.folder / "state")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pages_work_one_after_the_other(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    pages = [
        "".join(text for kind, text in blocks(f"docs/{page}.md") if kind == "bash") for page in ("accounts", "usage")
    ]
    with running(tmp_path, config) as stack:
        (tmp_path / "dev_key").write_text(stack.key)
        printed = bash(stack, "echo ---\n".join(pages))

    assert '"error"' not in printed
    managed, _, used = printed.partition("---\n")
    account, production, changed, shown, listed, deleted, audited, *lines = managed.splitlines()
    assert json.loads(account)["data"]["id"] == "acme"
    assert json.loads(production)["key"].startswith("lr_live_")
    assert json.loads(changed)["data"]["limit_reset"] == "daily"
    assert json.loads(shown) == json.loads(changed)
    assert len(json.loads(listed)["data"]) == 2
    assert json.loads(deleted) == {"data": {"deleted": True}}
    assert [entry["action"] for entry in json.loads(audited)["data"]][:2] == ["delete", "update"]
    headers = [line.split() for line in lines if not line[0].isdigit()]
    assert headers[0] == ["TIME", "ACTION", "WHAT", "ACCOUNT", "BY", "REQUEST", "CHANGES"]
    assert headers[1] == ["ID", "NAME", "STATE", "PROVIDERS", "DEFAULT", "MODEL"]
    assert "For a month" in "".join(lines)
    record, sums, header, *_ = used.splitlines()
    assert json.loads(record)["model"] == "emu/text"
    assert json.loads(sums)["data"][-1]["model"] == "emu/text"
    assert header.split()[:2] == ["DAY", "MODEL"]
