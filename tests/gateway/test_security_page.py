"""docs/security.md is true: its certificates, its configuration and its commands work, pasted as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from emulator import Emulator
from support.docs import blocks
from support.stack import PROVIDER_KEY, running
from support.tls import TlsClient

MAKE, CALL = (text for kind, text in blocks("docs/security.md") if kind == "bash")
[CONFIG] = (text for kind, text in blocks("docs/security.md") if kind == "yaml")


def bash(commands: str, folder: Path, **variables: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={**os.environ, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_works(emulator: Emulator, tmp_path: Path) -> None:
    bash(MAKE, tmp_path)
    config = yaml.safe_load(CONFIG.replace("tls/", f"{tmp_path}/tls/"))
    row = {"id": "emu", "base_url": emulator.base_url, "api_keys": [PROVIDER_KEY], "models": ["text"]}
    tls = TlsClient((tmp_path / "tls/ca.crt").read_bytes())
    with running(tmp_path / "stack", {**config, "providers": [row]}, tls=tls) as stack:
        (tmp_path / "var").mkdir()
        (tmp_path / "var/dev_key").write_text(stack.key)
        (tmp_path / ".venv").symlink_to(Path(sys.prefix))
        printed = bash(CALL.replace(":8080", f":{stack.port}"), tmp_path, AROUTER_GRPC_PORT=str(stack.grpc_port))

    assert '"id":"emu/text"' in printed
    assert printed.endswith("emu/text\n")
