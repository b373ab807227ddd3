"""What the router makes of providers that fail: they are left alone, tried again, and never blamed for clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from emulator.scenarios import gated, hang, status
from support.fleet import KEYS, SHARED, Fleet, Reply, fleet, says
from support.rest import Rest

FAILURES = 3
"""In a row, after which a provider is left alone."""

HOUR, MOMENT = 3600.0, 0.2
LEAVING = 100

THROUGH_SHARED = {"model": SHARED, "provider": {"order": ["alpha", "beta"]}}


def with_one_key(cooldown: float) -> dict[str, Any]:
    """Returns what makes a fleet whose alpha has a single key, and whose breakers cool down that long at first."""
    breaker = {"failures": FAILURES, "cooldown": cooldown, "max_cooldown": HOUR}
    return {"rows": {"alpha": {"api_keys": KEYS["alpha"][:1]}}, "routing": {"breaker": breaker}}


def through_shared(model: str) -> dict[str, Any]:
    return {"model": f"shared/{model}", "provider": {"order": ["alpha", "beta"]}}


def through_models(model: str) -> dict[str, Any]:
    return {"models": [f"alpha/{model}", f"beta/{model}"]}


Way = Callable[[str], dict[str, Any]]
WAYS: tuple[Way, ...] = (through_shared, through_models)


def case(way: Way, stream: bool) -> str:
    """Returns the model of one test: what the router remembers of it, no other test shall feel."""
    return f"{way.__name__}.{stream}"


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet in which alpha fails each case's model and beta answers it."""
    cases = [case(way, stream) for way in WAYS for stream in (False, True)]
    does = {"alpha": dict.fromkeys(cases, status(500)), "beta": dict.fromkeys(cases, says("beta"))}
    with fleet(tmp_path_factory.mktemp("down"), does, **with_one_key(HOUR)) as trio:
        yield trio


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("way", WAYS)
def test_a_provider_that_is_down_costs_later_requests_nothing(down: Fleet, way: Way, stream: bool) -> None:
    """Of fifty requests the first three find out; all are answered by another."""
    down.forget()
    texts = {down.chat(**way(case(way, stream)), stream=stream).text for _ in range(50)}

    assert texts == {"beta says hello"}
    assert down.asked() == ["alpha"] * FAILURES + ["beta"] * 50


def test_a_provider_is_back_within_one_probe_of_its_recovery(tmp_path: Path) -> None:
    """Failing, it is tried now and then by a request that is answered all the same; one success brings it back."""
    with fleet(tmp_path, {"alpha": {"m": status(500)}}, **with_one_key(MOMENT)) as trio:
        fail(trio, FAILURES)
        wait_for_alpha(trio, FAILURES + 1)

        trio.does["alpha"]["m"] = says("alpha")
        wait_for_alpha(trio, FAILURES + 2)

        for _ in range(10):
            trio.chat(**THROUGH_SHARED).check("alpha", SHARED)


def test_a_probe_is_a_single_request(tmp_path: Path) -> None:
    """While it waits for its answer, all others are served elsewhere."""
    with fleet(tmp_path, {"alpha": {"m": status(500)}}, **with_one_key(MOMENT)) as trio, ThreadPoolExecutor(1) as pool:
        alpha = trio.emulators["alpha"]
        fail(trio, FAILURES)
        trio.does["alpha"]["m"] = gated
        asked: list[Future[Reply]] = [pool.submit(trio.chat, **THROUGH_SHARED)]

        def probing() -> bool:
            if asked[-1].done():
                asked.append(pool.submit(trio.chat, **THROUGH_SHARED))
            return len(alpha.calls) > FAILURES

        trio.stack.process.wait_until(probing, "probing")
        others = {trio.chat(**THROUGH_SHARED).provider for _ in range(20)}

        assert others == {"beta"}
        assert len(alpha.calls) == FAILURES + 1
        alpha.release_all()
        assert asked[-1].result().provider == "alpha"


def test_who_is_down_and_all_there_is_is_not_asked(tmp_path: Path) -> None:
    """Once a probe has failed, clients are told when to come back, and the provider hears nothing of them."""
    with fleet(tmp_path, {"alpha": {"m": status(500)}}, **with_one_key(MOMENT)) as trio:
        alpha, answers = trio.emulators["alpha"], [trio.chat("alpha/m").answer]

        def refused() -> bool:
            seen = len(alpha.calls)
            answers.append(trio.chat("alpha/m").answer)
            return answers[-1].status == 503 and len(alpha.calls) == seen

        trio.stack.process.wait_until(refused, "down")

        assert {answer.status for answer in answers[:-1]} == {502}
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert "alpha" in answers[-1].error["message"]
        trio.does["alpha"]["m"] = says("alpha")
        trio.stack.process.wait_until(lambda: trio.chat("alpha/m").answer.status == 200, "back")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet whose alpha, once blamed, would not be asked for an hour."""
    with fleet(tmp_path_factory.mktemp("patient"), **with_one_key(HOUR)) as trio:
        yield trio


def leave_before_the_first_byte(trio: Fleet, rest: Rest, body: dict[str, Any]) -> None:
    rest.send("POST", "/v1/chat/completions", body)
    trio.emulators["alpha"].call(body["user"])


def leave_amid_the_stream(_: Fleet, rest: Rest, body: dict[str, Any]) -> None:
    response, received = rest.open("POST", "/v1/chat/completions", body), b""
    while b"Hello" not in received:
        received += response.readline()


@pytest.mark.parametrize(
    ("leave", "scenario", "stream"),
    [
        (leave_before_the_first_byte, hang, False),
        (leave_before_the_first_byte, hang, True),
        (leave_amid_the_stream, gated, True),
    ],
    ids=["unary", "before-the-first-byte", "amid-the-stream"],
)
def test_clients_that_leave_are_not_the_providers_fault(
    patient: Fleet, leave: Callable[[Fleet, Rest, dict[str, Any]], None], scenario: Any, stream: bool
) -> None:
    """After a hundred of them the provider is still the first to be asked."""
    patient.forget()
    patient.does["alpha"]["m"] = scenario
    alpha, messages = patient.emulators["alpha"], [{"role": "user", "content": "hi"}]
    for number in range(LEAVING):
        with patient.stack.rest() as rest:
            leave(patient, rest, {**THROUGH_SHARED, "messages": messages, "stream": stream, "user": str(number)})
            rest.vanish()
        assert alpha.call(str(number)).disconnected.wait(10)
    patient.does["alpha"]["m"] = says("alpha")

    patient.chat(**THROUGH_SHARED, stream=stream).check("alpha", SHARED)

    assert len(alpha.calls) == LEAVING + 1
    assert patient.emulators["beta"].calls == []


def fail(trio: Fleet, count: int) -> None:
    """Sends requests at which alpha fails, and which are answered by another."""
    for _ in range(count):
        trio.chat(**THROUGH_SHARED).check("beta", SHARED)


def wait_for_alpha(trio: Fleet, calls: int) -> None:
    """Sends requests, which are all answered, until alpha has been asked that often, and not once more."""
    alpha = trio.emulators["alpha"]

    def asked() -> bool:
        assert trio.chat(**THROUGH_SHARED).answer.status == 200
        return len(alpha.calls) >= calls

    trio.stack.process.wait_until(asked, "probed")
    assert len(alpha.calls) == calls
