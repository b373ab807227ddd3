"""What a call is settled with, on every way out."""

from __future__ import annotations

import pytest

from arouter.chat.request import ChatRequest
from arouter.models import ModelDetails, Prices, PriceTier
from arouter.routing.admission import Outcome, Status
from arouter.routing.settlement import NOTHING, Taken, taken

REQUEST = ChatRequest(
    {"model": "m", "messages": [{"role": "user", "content": "x" * 364}]}, stream=False, include_usage=False
)
"""About a hundred tokens."""

DETAILS = ModelDetails(prices=Prices(prompt=1, completion=10, tiers=(PriceTier(above=1000, prompt=2, completion=20),)))
USAGE = {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57}


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome(usage=USAGE, delivered=4000), Taken(57, 120_000)),
        (Outcome(usage={"prompt_tokens": 2000, "completion_tokens": 1}), Taken(2001, 4_020_000)),
        (Outcome(usage={"prompt_tokens": "2", "completion_tokens": -1}), NOTHING),
        (Outcome(delivered=400), Taken(200, 1_100_000)),
        (Outcome(Status.CLIENT_CANCELLED), Taken(100, 100_000)),
        (Outcome(Status.CLIENT_CANCELLED, delivered=400), Taken(200, 1_100_000)),
        (Outcome(Status.CLIENT_CANCELLED, usage=USAGE), Taken(57, 120_000)),
        (Outcome(Status.CLIENT_CANCELLED, usage=USAGE, delivered=400), Taken(150, 1_050_000)),
        (Outcome(Status.FAILED, delivered=400, failure="DEADLINE_EXCEEDED"), Taken(200, 1_100_000)),
        (Outcome(Status.FAILED, usage=USAGE, delivered=400, failure="PROVIDER_ERROR"), NOTHING),
        (Outcome(Status.FAILED, failure="INTERNAL"), NOTHING),
    ],
)
def test_what_was_taken(outcome: Outcome, expected: Taken) -> None:
    assert taken(REQUEST, DETAILS, outcome) == expected


def test_what_has_no_price_costs_nothing() -> None:
    assert taken(REQUEST, ModelDetails(), Outcome(usage=USAGE)) == Taken(57, 0)
