"""Installs the programs: those of npm beside their `package.json`, each of Python in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_BIN = Path(sys.executable).parent
_ENVIRONMENTS = _BIN.parent / "agents"
_TIMEOUT = 900.0


def install_agents() -> dict[str, str]:
    """Installs the agents that speak an API of their own, and returns an environment in which they are on the path."""
    return _environment([_from_npm("agents"), _BIN])


def install_all() -> dict[str, str]:
    """Installs every program of the guide, and returns an environment in which all are on the path."""
    folders = [_from_npm("agents"), _from_npm("guide"), _BIN]
    for requirements in sorted((_HERE / "python").glob("*.txt")):
        environment = _ENVIRONMENTS / requirements.stem
        if not environment.exists():
            _run([str(_BIN / "uv"), "venv", "--quiet", "--python", "python3.11", str(environment)])
        python = str(environment / "bin/python")
        _run([str(_BIN / "uv"), "pip", "install", "--quiet", "--python", python, "-r", str(requirements)])
        folders.insert(0, environment / "bin")
    return _environment(folders)


def python_of(program: str) -> str:
    """Returns the interpreter that can import a library, by its name in the guide."""
    return str(_ENVIRONMENTS / program.lower().replace(" ", "-") / "bin/python")


def _from_npm(name: str) -> Path:
    """Installs what a `package.json` names, and returns the folder of the commands."""
    folder = _HERE / "npm" / name
    npm = [str(_BIN / "npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    _run(npm, folder, {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"})
    return folder / "node_modules/.bin"


def _environment(folders: list[Path]) -> dict[str, str]:
    return {"PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]), "LANG": "C.UTF-8"}


def _run(command: list[str], folder: Path = _HERE, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
