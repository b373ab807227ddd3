"""One client whose requests a provider refuses or fails on does not take a model from the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from emulator import Call
from emulator.scenarios import Scenario, status
from support.fleet import Fleet, fleet, says
from support.management import managing
from support.rest import Answer, Rest

ROUNDS = 6
"""Calls of the quiet client; before each of them the hostile one has sent five."""

REFUSED = {403: 403, 405: 400, 409: 400, 424: 400, 431: 400, 451: 400}
"""What a client is told of a provider's 4xx about its request."""

STATUSES = [*REFUSED, 500]
ONE_KEY = {"alpha": {"api_keys": ["one"]}}
BREAKER = {"failures": 3, "cooldown": 0.05, "max_cooldown": 3600}


def poisoned(otherwise: Scenario) -> Scenario:
    """Fails on bodies that say with which status."""

    async def scenario(call: Call) -> web.StreamResponse:
        code = call.json.get("poison")
        return await (status(code) if code else otherwise)(call)

    return scenario


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    names = [f"m{code}" for code in STATUSES]
    does = {name: {model: poisoned(says(name)) for model in names} for name in ("alpha", "beta")}
    with fleet(
        tmp_path_factory.mktemp("hostile"),
        does,
        providers=("alpha", "beta"),
        rows=ONE_KEY,
        routing={"breaker": BREAKER},
    ) as running:
        yield running


@pytest.fixture(scope="module")
def hostile(trio: Fleet) -> Iterator[Rest]:
    """A connection with a key of its own."""
    with managing(trio.stack) as operator:
        _, secret = operator.create()
    with Rest(trio.stack.port, secret) as rest:
        yield rest


def ask(rest: Rest, model: str, *, text: str = "hi", **fields: Any) -> Answer:
    return rest.chat({"model": model, "messages": [{"role": "user", "content": text}], **fields})


@pytest.mark.parametrize(
    ("many", "stream"), [(False, False), (True, True)], ids=["one body, unary", "many bodies, stream"]
)
@pytest.mark.parametrize("code", STATUSES)
def test_a_quiet_client_is_always_answered(trio: Fleet, hostile: Rest, code: int, many: bool, stream: bool) -> None:
    """At the only endpoint, whatever another sends in between; which is told what the provider says."""
    model = f"alpha/m{code}"
    with trio.stack.rest() as quiet:
        for number in range(ROUNDS):
            for each in range(5):
                text = f"{number}.{each}" if many else "the same"
                answer = ask(hostile, model, text=text, poison=code, stream=stream)
                if code in REFUSED:
                    assert (answer.status, answer.error["message"]) == (REFUSED[code], f"emulated failure {code}")
            assert ask(quiet, model, stream=stream).status == 200


def test_a_replay_does_not_poison_the_endpoints_that_stand_in(trio: Fleet, hostile: Rest) -> None:
    """A body on which all endpoints fail opens none of their breakers for others."""
    with trio.stack.rest() as quiet:
        for number in range(ROUNDS):
            for each in range(5):
                ask(hostile, "shared/m500", text=f"{number}.{each}", poison=500)
            for provider in ("alpha", "beta"):
                answer = ask(quiet, f"{provider}/m500")
                assert (answer.status, answer.headers["x-arouter-provider"]) == (200, provider)


def test_one_body_does_not_take_a_model_from_its_own_key(tmp_path: Path) -> None:
    """An application with a single key and a poisonous document gets its other answers."""
    does = {"alpha": {"m": poisoned(says("alpha"))}}
    routing = {"breaker": BREAKER}
    with fleet(tmp_path, does, providers=("alpha",), rows=ONE_KEY, routing=routing) as one, one.stack.rest() as rest:
        for _ in range(ROUNDS):
            for _ in range(5):
                ask(rest, "alpha/m", poison=500)
            assert ask(rest, "alpha/m").status == 200


def test_the_hostile_key_still_gets_fast_fallbacks(tmp_path: Path) -> None:
    """Once its own requests have failed often enough, it is served by another at once."""
    does = {"alpha": {"m": status(500)}}
    routing = {"breaker": BREAKER | {"cooldown": 3600.0}}
    with (
        fleet(tmp_path, does, providers=("alpha", "beta"), rows=ONE_KEY, routing=routing) as pair,
        pair.stack.rest() as rest,
    ):
        for number in range(10):
            answer = ask(rest, "alpha/m", text=str(number), models=["alpha/m", "beta/m"])
            assert answer.headers["x-arouter-provider"] == "beta"

        assert pair.asked() == ["alpha"] * 3 + ["beta"] * 10
