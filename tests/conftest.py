"""Fixtures that every test may use: the emulated provider and the stack in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from emulator import Emulator
from matrix import table
from support import typed_answers
from support.node import install
from support.ports import refusing_port, silent_port
from support.postgres import Postgres, running_postgres
from support.rest import Rest
from support.sdk_answers import SdkAnswers
from support.stack import PROVIDER_KEY, Stack, running

MODEL = "emu/text"

# How fast the machine is says nothing about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def sdk_answers() -> Iterator[SdkAnswers]:
    """Judges what OpenAI's Python SDK receives, for the whole session."""
    answers = SdkAnswers()
    with pytest.MonkeyPatch.context() as patch:
        answers.install(patch)
        yield answers


@pytest.fixture(autouse=True)
def answers_in_openais_shape(sdk_answers: SdkAnswers) -> Iterator[None]:
    """Checks after each test that all of them had OpenAI's shape."""
    yield
    faults, sdk_answers.faults = sdk_answers.faults + typed_answers.faults, []
    typed_answers.faults.clear()
    assert faults == []


@pytest.fixture(scope="session")
def provider() -> Iterator[Emulator]:
    """The emulated provider, for the whole session."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(provider: Emulator) -> Iterator[Emulator]:
    """The emulated provider, without the calls of other tests. After the test it checks that none is left open."""
    provider.forget()
    yield provider
    provider.release_all()
    provider.wait_idle()
    provider.forget()


@pytest.fixture(scope="session")
def config(provider: Emulator) -> Iterator[dict[str, Any]]:
    """The `arouter.yaml` of the tests.

    The provider is there twice: `emu` with deadlines that no test reaches, `hasty` with ones meant to be missed.
    """
    row = {"protocol": "openai", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}
    hasty = {"connect": 5, "first_token": 1, "idle": 1, "total": 2}
    with refusing_port() as refusing, silent_port() as silent:
        text_row = {**row, "models": ["text"]}
        prices = {"prompt": 0.25, "completion": 2, "tiers": [{"above": 500, "prompt": 0.5, "completion": 4}]}
        known = {"display_name": "Refusing", "context_length": 1000, "input_modalities": ["text"], "prices": prices}
        yield {
            # Its models fail again and again, and each time the test wants to see the failure itself.
            "routing": {"breaker": {"failures": 1_000_000}},
            "providers": [
                {"id": "emu", **row},
                {"id": "hasty", **row, "models": provider.models, "timeouts": hasty},
                {
                    "id": "refusing",
                    "name": "Refusing Inc.",
                    "base_url": f"http://127.0.0.1:{refusing}/v1",
                    "models": [{"name": "text", **known}],
                },
                {"id": "silent", **text_row, "base_url": f"http://127.0.0.1:{silent}/v1", "timeouts": {"connect": 0.5}},
            ],
        }


@pytest.fixture(scope="session")
def stack(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, as `arouter up` starts it, for the whole session."""
    with running(tmp_path_factory.mktemp("stack"), config) as stack:
        yield stack


@pytest.fixture
def rest(stack: Stack, emulator: Emulator) -> Iterator[Rest]:
    """A plain HTTP connection to the gateway."""
    with stack.rest() as rest:
        yield rest


@pytest.fixture(scope="session")
def node_modules() -> None:
    """Installs what the tests take from npm."""
    install()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, for the whole session."""
    with running_postgres() as server:
        yield server


def pytest_terminal_summary(terminalreporter: Any) -> None:
    found = table.outcomes(terminalreporter.stats)
    if found:
        terminalreporter.section("matrix of protocols")
        for line in table.lines(found):
            terminalreporter.write_line(line)
