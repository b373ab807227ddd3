"""claude-code creates a file and runs a command, whichever protocol the provider of the model speaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.harness import Scripted, model, requested_tokens, results, run, scripted
from matrix.conversation import Said, ToolCall
from matrix.provider import PROTOCOLS


def variables(router: Scripted) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": router.root_url,
        "ANTHROPIC_AUTH_TOKEN": router.stack.key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_and_a_command(coding_agents: dict[str, str], tmp_path: Path, protocol: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    file = project / "hello.txt"
    write = ToolCall("toolu_1", "Write", {"file_path": str(file), "content": "hello\n"})
    command = ToolCall("toolu_2", "Bash", {"command": f"cat {file} > {project}/copy.txt", "description": "Copies it"})
    steps = [
        Said("First the file.", calls=(write,), finish="tool_calls"),
        Said("Now the command.", calls=(command,), finish="tool_calls"),
        Said("Both are done."),
    ]

    with scripted(tmp_path / "arouter", steps) as router:
        printed = run(
            [
                *("claude", "-p", "Create hello.txt, then copy it.", "--model", model(protocol)),
                *("--permission-mode", "acceptEdits", "--allowedTools", "Bash,Write"),
            ],
            project,
            coding_agents | variables(router),
        )
        asked = [results(call) for call in router.provider.calls]

    assert printed.strip() == "Both are done."
    assert (project / "copy.txt").read_text() == file.read_text() == "hello\n"
    assert [count for count in asked if count] == [1, 2]


def test_a_response_that_does_not_fit_is_asked_for_again_with_fewer_tokens(
    coding_agents: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()

    with scripted(tmp_path / "arouter", [Said("It fits.")], room=10_000) as router:
        command = ["claude", "-p", "Say that it fits.", "--model", model("openai")]
        printed = run(command, project, coding_agents | variables(router))
        first, *_, last = (requested_tokens(call) for call in router.provider.calls if call.json.get("tools"))

    assert printed.strip() == "It fits."
    assert first > 10_000 >= last
