"""gemini-cli creates a file and runs a command, through the router, in front of a provider of each protocol."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from emulator import Call, Emulator, wire
from matrix.conversation import Protocol, Said, ToolCall
from matrix.provider import PROTOCOLS
from support.ports import HOST
from support.stack import PROVIDER_KEY, Stack, running

DONE = "The file is there."
_TIMEOUT = 120.0


def turns(folder: Path) -> list[Said]:
    """Returns what the model says, by the number of tool results that it has seen."""
    file = {"file_path": str(folder / "hello.txt"), "content": "hello\n"}
    command = {"command": "cp hello.txt copy.txt", "description": "Copies the file."}
    return [
        Said("Let me do that.", calls=(ToolCall("call_1", "write_file", file),), finish="tool_calls"),
        Said(calls=(ToolCall("call_2", "run_shell_command", command),), finish="tool_calls"),
        Said(DONE),
    ]


def results(call: Call) -> int:
    """Returns the number of tool results in a request of any protocol."""
    messages: list[dict[str, Any]] = call.json.get("messages") or call.json["contents"]
    parts = [
        part for each in messages for part in each.get("parts") or each.get("content") or () if isinstance(part, dict)
    ]
    found = [part for part in parts if part.get("type") == "tool_result" or "functionResponse" in part]
    return len(found) + sum(each["role"] == "tool" for each in messages)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def providers(folder: Path) -> Iterator[Emulator]:
    said = turns(folder)

    def scenario(protocol: Protocol) -> Any:
        async def answer(call: Call) -> web.StreamResponse:
            turn = said[min(results(call), len(said) - 1)]
            if call.wants_stream:
                return await wire.send(call, protocol.stream(call.model, turn))
            return wire.document(protocol.whole(call.model, turn))

        return answer

    with Emulator({f"{each.model}-agent": scenario(each) for each in PROTOCOLS.values()}) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def routed(providers: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    rows = [
        {
            "id": name,
            "protocol": name,
            "base_url": providers.base_url if name == "openai" else providers.root_url,
            "api_keys": [PROVIDER_KEY],
            "models": [f"{protocol.model}-agent"],
        }
        for name, protocol in PROTOCOLS.items()
    ]
    with running(tmp_path_factory.mktemp("routed"), {"providers": rows}) as stack:
        yield stack


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_and_a_command(
    coding_agents: dict[str, str], routed: Stack, providers: Emulator, folder: Path, tmp_path: Path, protocol: str
) -> None:
    for file in folder.iterdir():
        file.unlink()
    settings = tmp_path / ".gemini/settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))
    environment = {
        **coding_agents,
        "HOME": str(tmp_path),
        "GOOGLE_GEMINI_BASE_URL": f"http://{HOST}:{routed.port}",
        "GEMINI_API_KEY": routed.key,
        "GEMINI_SANDBOX": "false",
        "GEMINI_TELEMETRY_ENABLED": "false",
    }
    model = f"{protocol}/{PROTOCOLS[protocol].model}-agent"
    command = ["gemini", "--model", model, "--yolo", "--skip-trust", "--prompt", "Create hello.txt and copy it."]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert DONE in done.stdout
    assert (folder / "copy.txt").read_text() == "hello\n"
    providers.wait_idle()
    providers.forget()
