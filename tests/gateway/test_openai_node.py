"""The official Node SDK against the gateway: runs tests/node with node's own test runner."""

from __future__ import annotations

import subprocess

from emulator import Emulator
from emulator.answers import TEXT
from support.node import ENVIRONMENT, FOLDER, NODE
from support.stack import Stack


def test_the_node_sdk(stack: Stack, emulator: Emulator, node_modules: None) -> None:
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", "openai.test.mjs"],
        cwd=FOLDER,
        env={**ENVIRONMENT, "BASE_URL": stack.base_url, "API_KEY": stack.key, "TEXT": TEXT},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 28" in done.stdout
    assert emulator.call("aborted by node").disconnected.wait(5)
