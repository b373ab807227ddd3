"""What a call is charged and settled with, on every way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.calls.call_record import Attempt, CallRecord, Status, new_call_record
from arouter.calls.usage_records import usage_records
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
    """Returns the found of a call whose provider was called."""
    record = replace(new_call_record(KEY, REQUEST), status=status, **fields)
    record.attempts.append(Attempt(model.id, model, "p#1", asked=True))
    if failure is not None:
        record.fail(failure)
    return record


@pytest.mark.parametrize(
    ("record", "tokens", "cost", "estimated"),
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
def test_what_a_call_is_charged(record: CallRecord, tokens: int, cost: int, estimated: bool) -> None:
    [found] = usage_records(record, record.started + 0.25)

    assert (found.tokens, found.cost, found.estimated) == (tokens, cost, estimated)
    assert (found.account, found.key_hash, found.latency_ms) == ("acme", "hash", 250)


def test_every_attempt_has_its_record_and_the_last_one_costs() -> None:
    record = ended(model=OTHER)
    record.attempts.append(Attempt(MODEL.id, MODEL, "p#1", asked=True))
    record.usage, record.complete = USAGE, True

    made = usage_records(record, record.started)

    assert [(found.attempt, found.model, found.status, found.cost) for found in made] == [
        (1, "p/other", "failed", 0),
        (2, "p/m", "ok", 120_000),
    ]
    assert {found.generation_id for found in made} == {record.id}


def test_a_call_that_reached_no_provider_has_no_record() -> None:
    record = new_call_record(KEY, REQUEST)
    record.attempts.append(Attempt(MODEL.id, MODEL, "p#1"))
    record.fail(Failure.INVALID_REQUEST)

    assert usage_records(record, record.started) == []


def test_a_client_that_leaves_between_two_attempts_is_charged_nothing() -> None:
    record = ended()
    record.attempts[0].failure = Failure.PROVIDER_ERROR
    record.leave()

    [found] = usage_records(record, record.started)

    assert (found.tokens, found.cost, found.status) == (0, 0, "client_cancelled")
