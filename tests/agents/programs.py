"""Installs the programs: those of npm beside their `package.json`, each of Python in an environment of its own."""

from __future__ import annotations

import os
from pathlib import Path

from support.programs import BIN, NPM_INSTALL, run

_HERE = Path(__file__).parent
_ENVIRONMENTS = BIN.parent / "agents"
_TIMEOUT = 900.0


def install_agents() -> dict[str, str]:
    """Installs the agents that speak an API of their own, and returns an environment in which they are on the path."""
    return _environment([_from_npm("agents"), BIN])


def install_all() -> dict[str, str]:
    """Installs every program of the guide, and returns an environment in which all are on the path."""
    folders = [_from_npm("agents"), _from_npm("guide"), BIN]
    for requirements in sorted((_HERE / "python").glob("*.txt")):
        environment = _ENVIRONMENTS / requirements.stem
        if not environment.exists():
            run(["uv", "venv", "--quiet", "--python", "python3.11", environment], _HERE)
        install = ["uv", "pip", "install", "--quiet", "--python", environment / "bin/python", "-r", requirements]
        run(install, _HERE, timeout=_TIMEOUT)
        folders.insert(0, environment / "bin")
    return _environment(folders)


def python_of(program: str) -> str:
    """Returns the interpreter that can import a library, by its name in the guide."""
    return str(_ENVIRONMENTS / program.lower().replace(" ", "-") / "bin/python")


def _from_npm(name: str) -> Path:
    """Installs what a `package.json` names, and returns the folder of the commands."""
    folder = _HERE / "npm" / name
    run(NPM_INSTALL, folder, timeout=_TIMEOUT)
    return folder / "node_modules/.bin"


def _environment(folders: list[Path]) -> dict[str, str]:
    return {"PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]), "LANG": "C.UTF-8"}
