"""The three protocols as scenarios of the emulator: a model for each case."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from emulator import Call, Emulator, wire
from emulator.scenarios import Scenario
from matrix.anthropic import ANTHROPIC
from matrix.cases import CASES
from matrix.conversation import Failed, Protocol, Said
from matrix.gemini import GEMINI
from matrix.openai import OPENAI
from matrix.responses import RESPONSES

PROTOCOLS = {protocol.name: protocol for protocol in (OPENAI, ANTHROPIC, GEMINI)}


def native_name(protocol: Protocol, case: str) -> str:
    """Returns the model whose provider answers as the case says."""
    return f"{protocol.model}-{case}"


def scenarios() -> dict[str, Scenario]:
    """Returns the emulator's table."""
    return {
        native_name(protocol, name): scenario_of(protocol, case.answer)
        for protocol in PROTOCOLS.values()
        for name, case in CASES.items()
    }


def rows(emulator: Emulator, key: str) -> list[dict[str, Any]]:
    """Returns the rows of `arouter.yaml` for it, by the protocols' names."""
    return [
        {
            "id": protocol.name,
            "protocol": protocol.name,
            "base_url": emulator.base_url if protocol is OPENAI else emulator.root_url,
            "api_keys": [key],
            "models": [native_name(protocol, case) for case in CASES],
        }
        for protocol in PROTOCOLS.values()
    ]


def scenario_of(protocol: Protocol, answer: Said | Failed) -> Scenario:
    """Returns the scenario of an answer. OpenAI gives it through both of its APIs."""

    async def scenario(call: Call) -> web.StreamResponse:
        if call.path == "/v1/responses":
            return await respond(RESPONSES, call)
        return await respond(protocol, call)

    async def respond(protocol: Protocol, call: Call) -> web.StreamResponse:
        if isinstance(answer, Failed):
            error = protocol.fail(answer)
            if answer.in_stream and call.wants_stream:
                return await wire.send(call, protocol.fail_in_stream(call.model, error))
            return wire.document(error.body, error.status, error.headers)
        if call.wants_stream:
            return await wire.send(call, protocol.stream(call.model, answer))
        return wire.document(protocol.whole(call.model, answer))

    return scenario
