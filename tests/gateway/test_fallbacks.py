"""The documented table of fallbacks: which endpoint is called when, what the client sees of it, and what it costs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from emulator import Call
from emulator.scenarios import RETRY_AFTER, SCENARIOS, Scenario, status
from support.fleet import KEYS, Fleet, fleet, says
from support.ports import refusing_port, silent_port
from support.stack import PROVIDER_KEY


class Fault(NamedTuple):
    """A fault before the first word.

    Attributes:
        name: What the emulator calls it, or a provider that is not there.
        status: What a client sees without a fallback.
        result: What an attempt is called that ends so.
        calls: How many keys of its provider are tried.
    """

    name: str
    status: int
    result: str
    calls: int = 2


NEXT = [
    Fault("status-500", 502, "provider_error"),
    Fault("status-503", 502, "provider_error"),
    Fault("redirect", 502, "provider_error"),
    Fault("error-first", 502, "provider_error"),
    Fault("status-429", 429, "rate_limited"),
    Fault("error-first-429", 429, "rate_limited"),
    Fault("status-401", 502, "provider_credentials"),
    Fault("status-402", 502, "provider_credentials"),
    Fault("garbage", 502, "provider_bad_response"),
    Fault("empty", 502, "provider_bad_response"),
    Fault("cut-first-event", 502, "provider_bad_response"),
    Fault("no-answer", 502, "provider_bad_response"),
    Fault("status-408", 504, "provider_timeout", calls=1),
    Fault("hang", 504, "provider_timeout", calls=1),
    Fault("refusing", 502, "provider_unreachable", calls=0),
    Fault("silent", 504, "provider_timeout", calls=0),
]
AT_ONCE = {"status-400": 400, "status-403": 403, "status-404": 404, "status-413": 413, "status-422": 422}
AMID = ("error-midstream", "garbage-midstream", "cut-later-event", "no-finish")
GONE = ("refusing", "silent")


def through_models(name: str, first: str) -> dict[str, Any]:
    return {"models": [f"{first}/{name}", f"beta/{name}"]}


def through_order(name: str, first: str) -> dict[str, Any]:
    return {"model": f"shared/{name}", "provider": {"order": [first, "beta"]}}


def the_last(name: str, first: str) -> dict[str, Any]:
    return {"models": [f"gamma/{name}", f"{first}/{name}"]}


def to_be_paid(name: str, first: str) -> dict[str, Any]:
    return through_order(name, first)


Way = Callable[[str, str], dict[str, Any]]
WAYS: tuple[Way, ...] = (through_models, through_order, the_last, to_be_paid)

streamed = pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
ways = pytest.mark.parametrize("way", WAYS[:2])
faults = pytest.mark.parametrize("fault", NEXT, ids=[fault.name for fault in NEXT])


def case(fault: str, way: Way, stream: bool) -> str:
    """Returns the model of one test: what the router remembers of a fault, no other test shall feel."""
    return f"{fault}.{way.__name__}.{stream}"


def cases(fault: str) -> Iterator[str]:
    return (case(fault, way, stream) for way, stream in itertools.product(WAYS, (False, True)))


def failing_with_one_key(fault: Scenario) -> Scenario:
    """Fails with the key that it is first asked with, and answers with any other."""
    refused: list[str] = []

    async def scenario(call: Call) -> web.StreamResponse:
        refused[:] = refused or [call.headers["authorization"]]
        return await (fault if call.headers["authorization"] in refused else says("alpha"))(call)

    return scenario


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Alpha fails as the model's name says, beta answers, gamma does not accept our key."""
    names = [*(fault.name for fault in NEXT), *AT_ONCE, *AMID]
    models = [model for name in names for model in cases(name)]
    limited = [f"limit.{way.__name__}" for way in WAYS]
    one_key = [model for fault in NEXT if fault.calls == 2 for model in cases(f"key-{fault.name}")]
    does = {
        "alpha": {
            **{model: SCENARIOS.get(model.partition(".")[0], status(500)) for model in models},
            **dict.fromkeys(limited, SCENARIOS["status-429"]),
            **{model: failing_with_one_key(SCENARIOS[model.partition(".")[0][4:]]) for model in one_key},
        },
        "beta": dict.fromkeys([*models, *limited, *one_key], says("beta")),
        "gamma": dict.fromkeys([*models, *limited, *one_key], status(401)),
    }
    folder = tmp_path_factory.mktemp("fallbacks")
    with refusing_port() as refusing, silent_port() as silent:
        gone = [
            {
                "id": id_,
                "base_url": f"http://127.0.0.1:{port}/v1",
                "models": list(cases(id_)),
                "timeouts": {"connect": 0.3},
            }
            for id_, port in zip(GONE, (refusing, silent), strict=True)
        ]
        mapped = [
            {"id": f"shared/{model}", "endpoints": [f"{id_}/{model}", f"beta/{model}"]}
            for id_ in GONE
            for model in cases(id_)
        ]
        rows = {"alpha": {"timeouts": {"first_token": 1, "total": 1}}}
        with fleet(folder, does, rows=rows, more=gone, mapped=mapped) as running:
            yield running


@pytest.fixture
def trio(table: Fleet) -> Iterator[Fleet]:
    """The same; no provider has been called."""
    table.forget()
    yield table
    table.forget()


@faults
@streamed
@ways
def test_a_fault_before_the_first_word_is_followed_by_the_next(
    trio: Fleet, fault: Fault, stream: bool, way: Way
) -> None:
    """The client gets the whole answer of the next endpoint, and it says so."""
    name, first = case(fault.name, way, stream), fault.name if fault.name in GONE else "alpha"

    reply = trio.chat(**way(name, first), stream=stream)

    reply.check("beta", f"{'shared' if way is through_order else 'beta'}/{name}")
    # A connection that is closed without an answer may have been an old one: the driver sends the request again.
    assert set(trio.asked()) == ({"alpha", "beta"} if fault.calls else {"beta"})


def test_only_who_answers_is_paid(trio: Fleet) -> None:
    """After each fault, whole and streamed, the failed attempts are recorded at no cost."""
    tried, paid = {}, {}
    for fault, stream in itertools.product(NEXT, (False, True)):
        name, first = case(fault.name, to_be_paid, stream), fault.name if fault.name in GONE else "alpha"
        reply = trio.chat(**to_be_paid(name, first), stream=stream)
        reply.check("beta", f"shared/{name}")
        tried[reply.id] = [(first, "failed")] * max(fault.calls, 1) + [("beta", "ok")]
        paid[reply.id] = ["beta"]

    records = trio.records(tried)

    assert {id_: [(row["provider"], row["status"]) for row in rows] for id_, rows in records.items()} == tried
    assert {id_: [row["provider"] for row in rows if row["cost_nanos"]] for id_, rows in records.items()} == paid


@pytest.mark.parametrize("name", AT_ONCE)
@streamed
@ways
def test_a_refusal_of_the_request_is_told_at_once(trio: Fleet, name: str, stream: bool, way: Way) -> None:
    """No other endpoint is called, nor another key used, and the provider's words stand."""
    answer = trio.chat(**way(case(name, way, stream), "alpha"), stream=stream).answer

    assert (answer.status, answer.error["message"]) == (AT_ONCE[name], f"emulated failure {AT_ONCE[name]}")
    assert trio.asked() == ["alpha"]
    assert "metadata" not in answer.error


@pytest.mark.parametrize("name", AMID)
@ways
def test_nobody_else_is_asked_after_the_first_word(trio: Fleet, name: str, way: Way) -> None:
    """A stream that breaks ends with an error: two providers' words never mix."""
    reply = trio.chat(**way(case(name, way, True), "alpha"), stream=True)

    assert reply.answer.status == 200
    assert trio.asked() == ["alpha"]
    *_, last = reply.documents
    assert last["error"]["type"] == "server_error"
    assert b"beta" not in reply.answer.body


@faults
@streamed
def test_if_all_fail_the_last_error_is_told_with_all_attempts(trio: Fleet, fault: Fault, stream: bool) -> None:
    """`error.metadata.attempts` says who was tried, how it went and how long it took; no secret is in it."""
    name, second = case(fault.name, the_last, stream), fault.name if fault.name in GONE else "alpha"

    answer = trio.chat(**the_last(name, second), stream=stream).answer

    assert answer.status == fault.status
    first, *others = answer.error["metadata"]["attempts"]
    told = ("model", "provider", "result")
    assert tuple(first[field] for field in told) == (f"gamma/{name}", "gamma", "provider_credentials")
    assert {tuple(each[field] for field in told) for each in others} == {(f"{second}/{name}", second, fault.result)}
    assert all(each.keys() == {*told, "ms"} and each["ms"] >= 0 for each in [first, *others])
    assert PROVIDER_KEY.encode() not in answer.body


@pytest.mark.parametrize("name", [fault.name for fault in NEXT if fault.calls == 2])
@streamed
@ways
def test_another_key_comes_before_another_provider(trio: Fleet, name: str, stream: bool, way: Way) -> None:
    """A fault that may be one key's is followed by the provider's other key."""
    reply = trio.chat(**way(model := case(f"key-{name}", way, stream), "alpha"), stream=stream)

    reply.check("alpha", f"{'shared' if way is through_order else 'alpha'}/{model}")
    assert set(trio.asked()) == {"alpha"}
    used = {call.headers["authorization"] for call in trio.emulators["alpha"].calls}
    assert used == {f"Bearer {key}" for key in KEYS["alpha"]}


def test_many_keys_of_a_failing_provider_do_not_use_up_the_attempts(tmp_path: Path) -> None:
    """With a failure that is no key's, two keys are tried, then the next provider."""
    does = {"alpha": {"m": status(500)}}
    rows = {"alpha": {"api_keys": [f"{PROVIDER_KEY}-alpha-{number}" for number in range(8)]}}
    with fleet(tmp_path, does, rows=rows, providers=("alpha", "beta")) as pair:
        reply = pair.chat("alpha/m", models=["beta/m"])

        reply.check("beta", "beta/m")
        assert pair.asked() == ["alpha", "alpha", "beta"]


@ways
def test_a_provider_that_asks_for_a_pause_gets_it(trio: Fleet, way: Way) -> None:
    """After a 429 with `retry-after` no call is sent there while another endpoint can answer."""
    for _ in range(4):
        assert trio.chat(**way(f"limit.{way.__name__}", "alpha")).provider == "beta"

    assert trio.asked() == ["alpha"] * 2 + ["beta"] * 4


def test_a_key_that_is_at_its_limit_is_left_alone(trio: Fleet) -> None:
    """After a 429 with `retry-after` the provider's other key is used at once."""
    model = case("key-status-429", the_last, False)

    replies = [trio.chat(model=f"alpha/{model}") for _ in range(4)]

    assert [reply.provider for reply in replies] == ["alpha"] * 4
    limited, *others = [call.headers["authorization"] for call in trio.emulators["alpha"].calls]
    assert len(others) == 4
    assert limited not in others


def test_a_limit_of_all_is_told_with_its_retry_after(trio: Fleet) -> None:
    """If only an endpoint at its limit is left, it is called all the same, and its `retry-after` reaches the client."""
    model = f"limit.{the_last.__name__}"

    answers = [trio.chat(model=f"alpha/{model}").answer for _ in range(2)]

    assert [(answer.status, answer.headers["retry-after"]) for answer in answers] == [(429, RETRY_AFTER)] * 2
