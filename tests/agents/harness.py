"""A provider of each protocol that answers an agent by a script, and ARouter in front of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from emulator import Call, Emulator, wire
from emulator.scenarios import Scenario
from matrix.conversation import Protocol, Said
from matrix.openai import OPENAI
from matrix.provider import PROTOCOLS
from support.stack import PROVIDER_KEY, Stack, running

_TIMEOUT = 100.0
"""Seconds that an agent may take; it takes three to ten."""

_CONTEXT = 131072
"""Context length of the emulated model, in tokens."""

_TITLE = Said('{"title": "A task"}')


class Scripted(NamedTuple):
    """A running stack.

    Attributes:
        stack: ARouter.
        provider: The provider behind it.
    """

    stack: Stack
    provider: Emulator

    @property
    def root_url(self) -> str:
        """The gateway's address, without `/v1`."""
        return self.stack.base_url.removesuffix("/v1")


def model(protocol: str) -> str:
    """Returns the id of the model that follows the script, by the protocol of its provider."""
    return f"{protocol}/{PROTOCOLS[protocol].model}-agent"


@contextmanager
def scripted(folder: Path, steps: Sequence[Said], room: int | None = None) -> Iterator[Scripted]:
    """Runs ARouter in front of a provider that says one step of a script after each further tool result.

    Args:
        folder: An empty folder for its files.
        steps: What the model says, in order. The last one has no calls.
        room: Tokens that the prompt leaves for the response: requests for more are refused, in vLLM's words.
    """
    names = {protocol: model(protocol).partition("/")[2] for protocol in PROTOCOLS}
    with Emulator({names[name]: _scenario(protocol, steps, room) for name, protocol in PROTOCOLS.items()}) as provider:
        rows = [
            {
                "id": name,
                "protocol": name,
                "base_url": provider.base_url if protocol is OPENAI else provider.root_url,
                "api_keys": [PROVIDER_KEY],
                "models": [names[name]],
            }
            for name, protocol in PROTOCOLS.items()
        ]
        with running(folder, {"providers": rows}) as stack:
            yield Scripted(stack, provider)


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Runs an agent until it ends by itself, and returns what it printed.

    Args:
        command: The program and its arguments.
        folder: Its project, in which it also keeps its settings.
        environment: All its variables.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={"HOME": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def results(call: Call) -> int:
    """Returns the number of tool results in a request of any protocol."""
    body = call.json
    turns = body.get("messages") or body.get("contents") or []
    parts = [part for turn in turns for part in turn.get("parts") or turn["content"] or () if isinstance(part, dict)]
    of_parts = sum(part.get("type") == "tool_result" or "functionResponse" in part for part in parts)
    return of_parts + sum(turn["role"] == "tool" for turn in turns)


def requested_tokens(call: Call) -> int:
    """Returns the tokens that a request of OpenAI's protocol asks for; 0 if it names no number."""
    return int(call.json.get("max_completion_tokens") or call.json.get("max_tokens") or 0)


def _scenario(protocol: Protocol, steps: Sequence[Said], room: int | None) -> Scenario:
    async def scenario(call: Call) -> web.StreamResponse:
        if room is not None and (asked := requested_tokens(call)) > room:
            text = (
                f"This model's maximum context length is {_CONTEXT} tokens. However, you requested "
                f"{_CONTEXT - room + asked} tokens ({_CONTEXT - room} in the messages, {asked} in the completion)."
            )
            return wire.document({"object": "error", "message": text, "type": "BadRequestError", "code": 400}, 400)
        # Without tools it is a request on the side.
        said = steps[min(results(call), len(steps) - 1)] if call.json.get("tools") else _TITLE
        if call.wants_stream:
            return await wire.send(call, protocol.stream(call.model, said))
        return wire.document(protocol.whole(call.model, said))

    return scenario
