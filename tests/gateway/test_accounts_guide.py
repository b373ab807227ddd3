"""The commands of docs/accounts.md do what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from emulator import Emulator
from support.management import Manager
from support.stack import Stack, running

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "docs/accounts.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
# Each answer on a line of its own.
CURL = 'curl() { command curl -sS "$@"; echo; }\n'


def bash(stack: Stack, commands: str, **environment: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", CURL + commands.replace(":8080", f":{stack.port}")],
        env={**os.environ, "AROUTER_STATE_DIR": str(stack.folder / "state"), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_work_in_their_order(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    first, *others = BLOCKS
    with running(tmp_path, config) as stack:
        key = bash(stack, first + 'echo "$MANAGEMENT_KEY"').strip()
        operator = Manager(stack, key)
        operator.until(lambda: operator.current().status == 200, "known")

        printed = bash(stack, "".join(others), MANAGEMENT_KEY=key)

    assert '"error"' not in printed
    account, production, changed, shown, listed, deleted, *lines = printed.splitlines()
    assert json.loads(account)["data"]["id"] == "acme"
    assert json.loads(production)["key"].startswith("lr_live_")
    assert json.loads(changed)["data"]["limit_reset"] == "daily"
    assert json.loads(shown) == json.loads(changed)
    assert len(json.loads(listed)["data"]) == 2
    assert json.loads(deleted) == {"data": {"deleted": True}}
    assert lines[0].split() == ["ID", "NAME", "STATE", "PROVIDERS", "DEFAULT", "MODEL"]
    assert "For a month" in "".join(lines)
