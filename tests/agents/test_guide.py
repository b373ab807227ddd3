"""Every block of `docs/agents.md` is true: it is run as it stands, in front of an emulated provider."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agents.programs import python_of
from emulator import Call, Emulator, answers
from emulator.scenarios import text
from emulator.wire import document, events, send
from support.docs import ROOT
from support.stack import PROVIDER_KEY, Stack, running

MODEL = "claude-sonnet-4.6"
DOCUMENTED = "http://127.0.0.1:8080"
SAID = "Hello from the emulator"
NOT_RUN = {"Open WebUI"}
TIMEOUT = 110.0

_SECTION = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"(?:^`([^`]+)`[^\n]*(?:\n[^\n`]+)*:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of a section.

    Attributes:
        file: The file that has this content, or an empty string if it is run.
        kind: Its language.
        text: Its content.
    """

    file: str
    kind: str
    text: str


SECTIONS = {
    name: [Block(*found) for found in _BLOCK.findall(content)]
    for name, content in _SECTION.findall((ROOT / "docs/agents.md").read_text("utf-8"))
}


async def answer(call: Call) -> object:
    """Greets; in JSON if a schema is asked for."""
    if "response_format" not in call.json:
        return await text(call)
    said = json.dumps({"text": SAID})
    if not call.wants_stream:
        return document(answers.completion(call.model, said))
    return await send(call, events(answers.text_chunks(call.model, [said], usage=call.wants_usage)))


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Emulator({MODEL: answer}) as emulator:
        row = {"id": "anthropic", "protocol": "openai", "base_url": emulator.base_url, "api_keys": [PROVIDER_KEY]}
        config = {"providers": [{**row, "models": [MODEL]}]}
        with running(tmp_path_factory.mktemp("agents"), config) as stack:
            yield stack


@pytest.mark.parametrize("program", sorted(SECTIONS.keys() - NOT_RUN))
def test_a_program_of_the_guide(router: Stack, programs: dict[str, str], program: str, tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    environment = {
        **programs,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "AROUTER_KEY": router.key,
    }
    said = ""
    for file, kind, content in SECTIONS[program]:
        actual = content.replace(DOCUMENTED, router.base_url.removesuffix("/v1"))
        if file:
            path = project / file.replace("~", str(home))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, "utf-8")
            continue
        command = {
            "sh": ["bash", "-e", "-c", actual],
            "python": [python_of(program), "-c", actual],
            "js": ["node", "--input-type=module", "-e", actual],
        }[kind]
        folder = ROOT / "tests/agents/npm/guide" if kind == "js" else project
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout

    assert SAID in said


def test_no_section_is_without_a_block() -> None:
    assert all(SECTIONS.values())
