"""The official Node SDK against the gateway: runs tests/node with node's own test runner."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from emulator import Emulator
from emulator.answers import TEXT
from support.node import FOLDER, NODE
from support.programs import ENVIRONMENT
from support.rest import Answer, chat_faults
from support.stack import Stack


def test_the_node_sdk(stack: Stack, emulator: Emulator, node_modules: None, tmp_path: Path) -> None:
    answers = tmp_path / "answers"
    done = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", "openai.test.mjs"],
        cwd=FOLDER,
        env={**ENVIRONMENT, "BASE_URL": stack.base_url, "API_KEY": stack.key, "TEXT": TEXT, "ANSWERS": str(answers)},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 28" in done.stdout
    received = [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
    assert len(received) > 20
    for answer in received:
        assert chat_faults(Answer(answer["status"], answer["headers"], answer["body"].encode())) == [], answer
    assert emulator.call("aborted by node").disconnected.wait(5)
