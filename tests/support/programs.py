"""Runs external programs, which must succeed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
NPM_INSTALL = (str(BIN / "npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")


def run(
    command: Sequence[str | Path],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    *,
    timeout: float = 300,
    with_errors: bool = False,
) -> str:
    """Runs a command to its end, with this environment's programs first in the path, and returns what it prints.

    Args:
        command: The program and its arguments.
        folder: Its working folder.
        variables: Further environment variables.
        timeout: Seconds that it may take.
        with_errors: Whether standard error is returned too, after standard output.
    """
    environment = ENVIRONMENT | dict(variables or {})
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, (done.stdout + done.stderr)[-20_000:]
    return done.stdout + done.stderr if with_errors else done.stdout
