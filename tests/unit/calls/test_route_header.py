"""`x-arouter-route`: what was tried, on one short line that any HTTP client can read."""

from __future__ import annotations

from arouter.accounts.keys import AuthenticatedKey
from arouter.calls.call_record import Attempt, CallRecord, new_call_record, route_header
from arouter.catalogue.catalogue import Endpoint
from arouter.chat.request import ChatRequest
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import Failure
from arouter.planning.difficulty import Difficulty
from arouter.planning.plan import Plan
from arouter.providers.provider import build_providers

[PROVIDER] = build_providers(parse_config('providers: [{id: p, base_url: "http://x"}]', {}), read_environment({}))


def tried(*names: str) -> CallRecord:
    """Returns the record of a call whose attempts have failed, but the last."""
    record = new_call_record(AuthenticatedKey("hash", "acme"), ChatRequest({}, stream=False, include_usage=False))
    for name in names:
        endpoint = Endpoint(f"p/{name}", PROVIDER, name, 1)
        record.attempts.append(Attempt(endpoint.id, endpoint, "p#1", failure=Failure.PROVIDER_TIMEOUT))
    record.attempts[-1].failure = None
    return record


def test_every_attempt_in_order() -> None:
    """The failure by its code, the answer as ok."""
    assert route_header(tried("one", "two")) == ("x-arouter-route", "p/one=provider_timeout, p/two=ok")


def test_what_auto_thought_comes_first() -> None:
    """The difficulty is there only if it was needed."""
    record = tried("one")
    record.plan = Plan()
    assert route_header(record)[1] == "p/one=ok"
    record.plan = Plan(difficulty=Difficulty("hard", 7.0, ()))
    assert route_header(record)[1] == "auto=hard; p/one=ok"


def test_a_long_one_keeps_its_end() -> None:
    """512 characters at most: the difficulty, and the latest attempts."""
    record = tried(*(f"{number}-{'x' * 100}" for number in range(9)))
    record.plan = Plan(difficulty=Difficulty("easy", 0.0, ()))
    value = route_header(record)[1]

    assert len(value) == 512
    assert value.startswith("auto=easy; ...")
    assert value.endswith(f", p/8-{'x' * 100}=ok")


def test_it_is_printable_ascii() -> None:
    """Whatever a provider calls its models."""
    assert route_header(tried("naïve\r\nx: 模型"))[1] == "p/na?ve??x: ??=ok"
