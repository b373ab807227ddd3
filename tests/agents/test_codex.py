"""codex in front of providers of each protocol: a file and a command, and a conversation that is too long."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from emulator import Call, Emulator, wire
from emulator.scenarios import Scenario
from matrix.conversation import Protocol, Said, ToolCall
from matrix.openai import OPENAI
from matrix.provider import PROTOCOLS
from matrix.responses import RESPONSES
from support.stack import PROVIDER_KEY, Stack, running

TIMEOUT = 100.0
"""Seconds that codex may take; it takes five."""

PROVIDERS: dict[str, Protocol] = {"openai": RESPONSES, "vendor": OPENAI} | {
    name: protocol for name, protocol in PROTOCOLS.items() if protocol is not OPENAI
}
"""By id: `openai` is asked through its Responses API, `vendor` through chat completions."""


def model(provider: str) -> str:
    return f"{provider}/{PROVIDERS[provider].model}-agent"


def results(call: Call) -> list[Any]:
    """Returns the tool results in a request."""
    if call.path == "/v1/responses":
        return [item["output"] for item in call.json["input"] if item["type"] == "function_call_output"]
    if call.path == "/v1/chat/completions":
        # Not as `matrix.openai` reads it: reasoning comes back to this vendor, as to most but OpenAI.
        return [message["content"] for message in call.json["messages"] if message["role"] == "tool"]
    protocol = next(each for each in PROTOCOLS.values() if call.model.startswith(each.model))
    return protocol.read(call).results


def scenario(protocol: Protocol, steps: Sequence[Said]) -> Scenario:
    async def say(call: Call) -> web.StreamResponse:
        said = steps[min(len(results(call)), len(steps) - 1)]
        if call.wants_stream:
            return await wire.send(call, protocol.stream(call.model, said))
        return wire.document(protocol.whole(call.model, said))

    return say


@contextmanager
def serving(folder: Path, provider: str, answer: Scenario) -> Iterator[tuple[Stack, Emulator]]:
    """Runs ARouter in front of a provider."""
    name = model(provider).partition("/")[2]
    protocol = PROVIDERS[provider]
    with Emulator({name: answer}) as emulator:
        row = {
            "id": provider,
            "protocol": protocol.name,
            "base_url": emulator.base_url if protocol.name == "openai" else emulator.root_url,
            "api_keys": [PROVIDER_KEY],
            "models": [name],
        }
        with running(folder, {"providers": [row]}) as stack:
            yield stack, emulator


def run(
    coding_agents: dict[str, str], project: Path, stack: Stack, asked: str, *, built_in: bool
) -> subprocess.CompletedProcess[str]:
    """Runs codex until it ends by itself."""
    settings = [f'model="{asked}"', "check_for_update_on_startup=false"]
    if built_in:
        settings.append(f'openai_base_url="{stack.base_url}"')
    else:
        row = f'{{name="ARouter", base_url="{stack.base_url}", wire_api="responses", env_key="AROUTER_KEY"}}'
        settings += ['model_provider="arouter"', f"model_providers.arouter={row}"]
    options = [word for setting in settings for word in ("-c", setting)]
    return subprocess.run(
        [
            *("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", *options),
            "Create hello.txt, then copy it.",
        ],
        cwd=project,
        env={
            **coding_agents,
            "HOME": str(project),
            "AROUTER_KEY": stack.key,
            "OPENAI_API_KEY": stack.key,
            "CODEX_API_KEY": stack.key,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )


@pytest.mark.parametrize("built_in", [False, True], ids=["configured", "built in"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_file_and_a_command(coding_agents: dict[str, str], tmp_path: Path, provider: str, built_in: bool) -> None:
    project = tmp_path / "project"
    project.mkdir()
    file = project / "hello.txt"
    write = ToolCall("call_1", "exec_command", {"cmd": f"echo hello > {file}"})
    copy = ToolCall("call_2", "exec_command", {"cmd": f"cat {file} > {project}/copy.txt"})
    steps = [
        Said("First the file.", calls=(write,), finish="tool_calls", reasoning="A file is needed."),
        Said("Now the command.", calls=(copy,), finish="tool_calls"),
        Said("Both are done."),
    ]

    with serving(tmp_path / "arouter", provider, scenario(PROVIDERS[provider], steps)) as (stack, emulator):
        done = run(coding_agents, project, stack, model(provider), built_in=built_in)
        counts = [len(results(call)) for call in emulator.calls]

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == "Both are done."
    assert (project / "copy.txt").read_text() == file.read_text() == "hello\n"
    assert counts[-3:] == [0, 1, 2]


@pytest.mark.parametrize("provider", ["openai", "vendor"])
def test_it_learns_that_the_conversation_is_too_long(
    coding_agents: dict[str, str], tmp_path: Path, provider: str
) -> None:
    async def refuse(call: Call) -> web.StreamResponse:
        text = "This model's maximum context length is 8192 tokens. Your messages resulted in 9000 tokens."
        return wire.document({"error": {"message": text, "type": "invalid_request_error", "code": None}}, 400)

    project = tmp_path / "project"
    project.mkdir()
    with serving(tmp_path / "arouter", provider, refuse) as (stack, emulator):
        done = run(coding_agents, project, stack, model(provider), built_in=False)
        tries = len(emulator.calls)

    assert "Codex ran out of room in the model's context window." in done.stderr
    assert tries == 1
