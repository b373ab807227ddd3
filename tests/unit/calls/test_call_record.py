"""What a call is charged and settled with, on every way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.calls.call_record import Attempt, CallRecord, Status, new_call_record, records
from arouter.catalogue.catalogue import Endpoint
from arouter.chat.request import ChatRequest
from arouter.chat.usage import Usage
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import Failure
from arouter.models import ModelDetails, Prices, PriceTier
from arouter.providers.provider import build_providers

REQUEST = ChatRequest(
    {"model": "m", "messages": [{"role": "user", "content": "x" * 364}]}, stream=False, include_usage=False
)
"""About a hundred tokens."""

DETAILS = ModelDetails(prices=Prices(prompt=1, completion=10, tiers=(PriceTier(above=1000, prompt=2, completion=20),)))
[PROVIDER] = build_providers(parse_config('providers: [{id: p, base_url: "http://x"}]', {}), read_environment({}))
MODEL = Endpoint("p/m", PROVIDER, "m", 1, DETAILS)
OTHER = Endpoint("p/other", PROVIDER, "other", 1, DETAILS)
KEY = AuthenticatedKey("hash", "acme")
USAGE = Usage(50, 7)
GONE = Status.CLIENT_CANCELLED


def ended(
    status: Status = Status.OK, failure: Failure | None = None, model: Endpoint = MODEL, **fields: Any
) -> CallRecord:
    """Returns the outcome of a call whose provider was asked."""
    outcome = replace(new_call_record(), status=status, **fields)
    outcome.attempts.append(Attempt(model.id, model, "p#1", asked=True))
    if failure is not None:
        outcome.fail(failure)
    return outcome


@pytest.mark.parametrize(
    ("outcome", "tokens", "cost", "estimated"),
    [
        (ended(usage=USAGE, delivered=4000, complete=True), 57, 120_000, False),
        (ended(usage=Usage(2000, 1), complete=True), 2001, 4_020_000, False),
        (ended(delivered=400), 200, 1_100_000, True),
        (ended(GONE), 100, 100_000, True),
        (ended(GONE, delivered=400), 200, 1_100_000, True),
        (ended(GONE, usage=USAGE), 57, 120_000, True),
        (ended(GONE, usage=USAGE, delivered=400, complete=True), 57, 120_000, False),
        (ended(GONE, usage=USAGE, delivered=400), 150, 1_050_000, True),
        (ended(failure=Failure.DEADLINE_EXCEEDED, delivered=400), 200, 1_100_000, True),
        (ended(failure=Failure.PROVIDER_ERROR, usage=USAGE, delivered=400), 57, 0, False),
        (ended(failure=Failure.INTERNAL), 0, 0, False),
        (ended(model=replace(MODEL, details=ModelDetails()), usage=USAGE, complete=True), 57, 0, False),
    ],
)
def test_what_a_call_is_charged(outcome: CallRecord, tokens: int, cost: int, estimated: bool) -> None:
    [record] = records(outcome, KEY, REQUEST, outcome.started + 0.25)

    assert (record.tokens, record.cost, record.estimated) == (tokens, cost, estimated)
    assert (record.account, record.key_hash, record.latency_ms) == ("acme", "hash", 250)


def test_every_attempt_has_its_record_and_the_last_one_costs() -> None:
    outcome = ended(model=OTHER)
    outcome.attempts.append(Attempt(MODEL.id, MODEL, "p#1", asked=True))
    outcome.usage, outcome.complete = USAGE, True

    made = records(outcome, KEY, REQUEST, outcome.started)

    assert [(record.attempt, record.model, record.status, record.cost) for record in made] == [
        (1, "p/other", "failed", 0),
        (2, "p/m", "ok", 120_000),
    ]
    assert {record.generation_id for record in made} == {outcome.id}


def test_a_call_that_reached_no_provider_has_no_record() -> None:
    outcome = new_call_record()
    outcome.attempts.append(Attempt(MODEL.id, MODEL, "p#1"))
    outcome.fail(Failure.INVALID_REQUEST)

    assert records(outcome, KEY, REQUEST, outcome.started) == []


def test_a_client_that_leaves_between_two_attempts_is_charged_nothing() -> None:
    outcome = ended()
    outcome.attempts[0].failure = Failure.PROVIDER_ERROR
    outcome.leave()

    [record] = records(outcome, KEY, REQUEST, outcome.started)

    assert (record.tokens, record.cost, record.status) == (0, 0, "client_cancelled")
