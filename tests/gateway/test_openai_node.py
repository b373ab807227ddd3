"""The official Node SDK against the gateway: runs tests/node with node's own test runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulator import Emulator
from emulator.answers import TEXT
from support.stack import Stack

NODE_TESTS = Path(__file__).parents[1] / "node"
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def is_installed() -> bool:
    wanted = json.loads((NODE_TESTS / "package.json").read_text())["dependencies"]["openai"]
    installed = NODE_TESTS / "node_modules" / "openai" / "package.json"
    return installed.exists() and json.loads(installed.read_text())["version"] == wanted


@pytest.fixture(scope="session")
def node_sdk() -> None:
    """Installs the SDK unless it is there."""
    if not is_installed():
        npm = [str(BIN / "npm"), "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(npm, cwd=NODE_TESTS, env=ENVIRONMENT, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_node_sdk(stack: Stack, emulator: Emulator, node_sdk: None) -> None:
    done = subprocess.run(
        [str(BIN / "node"), "--test", "--test-reporter=spec", "openai.test.mjs"],
        cwd=NODE_TESTS,
        env={**ENVIRONMENT, "BASE_URL": stack.base_url, "API_KEY": stack.key, "TEXT": TEXT},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 28" in done.stdout
    assert emulator.call("aborted by node").disconnected.wait(5)
