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


def install() -> dict[str, str]:
    """Installs what is not there yet, and returns an environment in which all of it is on the path."""
    folders = [_HERE / "node_modules/.bin", _BIN]
    _run(
        [str(_BIN / "npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
        {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"},
    )
    for requirements in sorted((_HERE / "python").glob("*.txt")):
        environment = _ENVIRONMENTS / requirements.stem
        if not environment.exists():
            _run([str(_BIN / "uv"), "venv", "--quiet", "--python", "python3.11", str(environment)])
        python = str(environment / "bin/python")
        _run([str(_BIN / "uv"), "pip", "install", "--quiet", "--python", python, "-r", str(requirements)])
        folders.insert(0, environment / "bin")
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
    return {"PATH": path, "LANG": "C.UTF-8"}


def python_of(program: str) -> str:
    """Returns the interpreter that can import a library, by its name in the guide."""
    return str(_ENVIRONMENTS / program.lower().replace(" ", "-") / "bin/python")


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=_HERE, env=environment, capture_output=True, text=True, timeout=_TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
