"""Provider preferences of a request: each where it decides the choice, and where no endpoint can satisfy it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from openai.types import CompletionUsage

from emulator import Call, answers, wire
from emulator.scenarios import Scenario, status
from support.fleet import NEVER, PROVIDERS, SHARED, Fleet, fleet, says

SLOW = 1.2
"""Seconds that alpha and beta take to the first word, and as much for the rest."""

LATENCY = 0.9
"""Seconds that gamma stays below, and they do not."""

THROUGHPUT = 100
"""Tokens per second that gamma exceeds, and they do not."""

USAGE = CompletionUsage(prompt_tokens=10, completion_tokens=100, total_tokens=110)

DETAILS = {
    "alpha": {"prices": {"prompt": 0, "completion": 0}, "supported_parameters": ["temperature"], "quantization": "fp8"},
    "beta": {"prices": {"prompt": 1, "completion": 2}, "supported_parameters": ["temperature", "seed"]},
    "gamma": {"prices": {"prompt": 4, "completion": 9}, "supported_parameters": [], "quantization": "fp16"},
}
ROWS = {
    "alpha": {"data_collection": "allow"},
    "beta": {"data_collection": "deny", "zdr": False},
    "gamma": {"data_collection": "allow", "zdr": True},
}


def paced(name: str, seconds: float) -> Scenario:
    """Streams an answer of a hundred tokens, with a pause before the first word and one before the last."""

    async def scenario(call: Call) -> web.StreamResponse:
        deltas = [{"role": "assistant", "content": name}, {"content": " says"}, {"content": " hello"}]
        pieces = wire.events(answers.chunks(call.model, deltas, "stop", USAGE))
        async with wire.stream(call) as response:
            await asyncio.sleep(seconds)
            await response.write(pieces[0])
            await asyncio.sleep(seconds)
            await response.write(b"".join(pieces[1:]))
        return response

    return scenario


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Alpha is free, so that it is drawn first; `paced` is quick at gamma only, and the router has seen it."""
    does = {
        "alpha": {"paced": paced("alpha", SLOW), "broken": status(500), "cheap": says("alpha")},
        "beta": {"paced": paced("beta", SLOW), "broken": says("beta")},
        "gamma": {"paced": paced("gamma", 0), "dear": says("gamma")},
    }
    routing = {"default_model": "gamma/m", "default_provider": "beta", "breaker": NEVER}
    with fleet(tmp_path_factory.mktemp("preferences"), does, rows=ROWS, details=DETAILS, routing=routing) as running:
        for name in PROVIDERS:
            running.chat(f"{name}/paced", stream=True).check(name, f"{name}/paced")
        yield running


def preference(**provider: Any) -> dict[str, Any]:
    return {"provider": provider}


def test_without_a_wish_who_is_free_answers(trio: Fleet) -> None:
    """What the other tests depart from."""
    trio.chat(SHARED).check("alpha", SHARED)


MET = [
    ("beta", SHARED, preference(order=["beta"])),
    ("gamma", SHARED, preference(order=["GAMMA", "beta"])),
    ("beta", SHARED, preference(order=["missing", "beta", "alpha"])),
    ("gamma", SHARED, preference(order=["gamma"], allow_fallbacks=False)),
    ("gamma", SHARED, preference(only=["gamma"])),
    ("beta", SHARED, preference(ignore=["alpha", "gamma"])),
    ("beta", SHARED, {"seed": 1, **preference(require_parameters=True)}),
    ("beta", SHARED, preference(order=["alpha", "beta"], data_collection="deny")),
    ("gamma", SHARED, preference(zdr=True)),
    ("gamma", SHARED, preference(quantizations=["fp16", "bf16"])),
    ("beta", SHARED, preference(quantizations=["unknown"])),
    ("beta", SHARED, preference(ignore=["alpha"], sort="price")),
    ("gamma", "shared/paced", {"stream": True, **preference(sort="throughput")}),
    ("gamma", "shared/paced", {"stream": True, **preference(sort={"by": "latency"})}),
    ("gamma", "shared/paced", {"stream": True, **preference(preferred_min_throughput=THROUGHPUT)}),
    ("gamma", "shared/paced", {"stream": True, **preference(preferred_max_latency={"p50": LATENCY})}),
    ("gamma", "shared/paced:nitro", {"stream": True}),
    ("beta", SHARED, preference(order=["gamma", "beta"], max_price={"prompt": 2})),
    ("beta", SHARED, preference(order=["gamma", "beta"], max_price={"completion": "2"})),
    ("alpha", f"{SHARED}:free", preference(order=["gamma", "beta"])),
    ("beta", f"{SHARED}:floor", preference(ignore=["alpha"])),
    ("beta", "shared/broken", {}),
]


@pytest.mark.parametrize(("provider", "model", "fields"), MET, ids=[f"{model} {fields}" for _, model, fields in MET])
def test_a_wish_decides_who_answers(trio: Fleet, provider: str, model: str, fields: dict[str, Any]) -> None:
    """The answer comes from the provider that the preference means, under the model's own name."""
    trio.chat(model, **fields).check(provider, model.partition(":")[0])


NOT_MET = [
    (SHARED, preference(order=["missing"], allow_fallbacks=False), "provider.order", PROVIDERS),
    (SHARED, preference(only=["missing"]), "provider.only", PROVIDERS),
    (SHARED, preference(ignore=[*PROVIDERS]), "provider.ignore", PROVIDERS),
    (SHARED, preference(zdr=True, ignore=["gamma"]), "provider.zdr", ("alpha", "beta")),
    (SHARED, preference(data_collection="deny", ignore=["beta", "gamma"]), "provider.data_collection", ("alpha",)),
    (SHARED, preference(quantizations=["int4"]), "provider.quantizations", PROVIDERS),
    ("gamma/m", preference(max_price={"prompt": 3.9}), "provider.max_price.prompt", ("gamma",)),
    ("gamma/m", preference(max_price={"completion": 8}), "provider.max_price.completion", ("gamma",)),
    ("beta/m:free", {}, ":free", ("beta",)),
    ("auto", {"plugins": [{"id": "auto-router", "allowed_models": ["missing/*"]}]}, "allowed_models", ()),
]


@pytest.mark.parametrize(
    ("model", "fields", "constraint", "excluded"), NOT_MET, ids=[f"{model} {fields}" for model, fields, _, _ in NOT_MET]
)
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_wish_that_nobody_meets_is_named(
    trio: Fleet, model: str, fields: dict[str, Any], constraint: str, excluded: tuple[str, ...], stream: bool
) -> None:
    """The 404 says which constraint excluded which provider, and none is called."""
    trio.forget()

    answer = trio.chat(model, stream=stream, **fields).answer

    assert (answer.status, answer.error["code"]) == (404, "no_provider")
    assert constraint in answer.error["message"]
    assert [name for name in excluded if name not in answer.error["message"]] == []
    assert trio.asked() == []


def test_a_parameter_that_is_required_and_not_known_is_refused(trio: Fleet) -> None:
    """The 400 names the parameter and the preference."""
    answer = trio.chat("alpha/m", seed=1, **preference(require_parameters=True)).answer

    assert (answer.status, answer.error["param"]) == (400, "provider.require_parameters")
    assert "seed" in answer.error["message"]


def test_without_fallbacks_the_first_failure_is_the_answer(trio: Fleet) -> None:
    """`allow_fallbacks: false` keeps everybody else out."""
    trio.forget()

    answer = trio.chat("shared/broken", **preference(allow_fallbacks=False)).answer

    assert (answer.status, answer.error["code"]) == (502, "provider_error")
    assert set(trio.asked()) == {"alpha"}


NAMED = [
    ("gamma", "gamma/m", {}),
    ("beta", "beta/m", {"model": "m"}),
    ("gamma", "gamma/m", {"models": ["missing/m", "gamma/m"]}),
    ("gamma", "gamma/m", {"model": "gamma/no-such-model", "models": ["gamma/m", "beta/m"]}),
    ("beta", "beta/m", {"models": ["gamma/m:free", "beta/m"], "route": "fallback"}),
    ("gamma", "gamma/dear", {"model": "auto", "plugins": [{"id": "auto-router", "allowed_models": ["gamma/*"]}]}),
    ("alpha", "alpha/cheap", {"model": "auto", "plugins": [{"id": "auto-router", "allowed_models": ["alpha/c*"]}]}),
]


@pytest.mark.parametrize(("provider", "model", "fields"), NAMED, ids=[f"{fields}" for *_, fields in NAMED])
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_name_is_made_out(trio: Fleet, provider: str, model: str, fields: dict[str, Any], stream: bool) -> None:
    """No model, a bare one, unknown ones in a list, and `auto` with a pool: `model` names the one used."""
    trio.chat(**fields, stream=stream).check(provider, model)


def test_no_known_model_in_a_list_is_an_error(trio: Fleet) -> None:
    """All names are unknown: the 404 says which."""
    answer = trio.chat(models=["missing/m", "gamma/nothing"]).answer

    assert answer.status == 404
    assert "missing/m" in answer.error["message"]
    assert "gamma/nothing" in answer.error["message"]


def test_auto_answers_and_is_not_listed(trio: Fleet) -> None:
    """The answer's model is one of the list; `auto` is no model."""
    with trio.stack.rest() as rest:
        listed = [model["id"] for model in rest.get("/v1/models").json["data"]]

    reply = trio.chat("auto")

    assert reply.answer.status == 200
    assert reply.model in listed
    assert "auto" not in listed
