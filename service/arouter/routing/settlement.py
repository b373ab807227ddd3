"""What a call took, once it is over: what its reservation is settled with."""

from __future__ import annotations

from typing import Any, NamedTuple

from arouter.chat.request import ChatRequest
from arouter.errors import Failure
from arouter.limits.estimate import delivered_tokens, likely_prompt_tokens
from arouter.models import ModelDetails, Prices
from arouter.routing.admission import Outcome, Status


class Taken(NamedTuple):
    """What a call took.

    Attributes:
        tokens: Of prompt and answer together.
        cost: In nano-USD.
    """

    tokens: int
    cost: int


NOTHING = Taken(0, 0)


def taken(request: ChatRequest, details: ModelDetails, outcome: Outcome) -> Taken:
    """Returns what a call took: what its provider says or, for want of that, an estimate.

    A call that failed is free, unless it was its client who gave it up: then the prompt counts, and what was delivered.
    """
    if outcome.status is Status.FAILED and outcome.failure != Failure.DEADLINE_EXCEEDED.name:
        return NOTHING
    usage = outcome.usage or {}
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if outcome.status is not Status.OK or outcome.usage is None:
        prompt = prompt or likely_prompt_tokens(request)
        # What a provider says in the middle of an answer may be older than what it has sent since.
        completion = max(completion, delivered_tokens(outcome.delivered))
        usage = {**usage, "prompt_tokens": prompt, "completion_tokens": completion}
    return Taken(prompt + completion, _cost(details.prices, usage))


def _cost(prices: Prices | None, usage: dict[str, Any]) -> int:
    """Returns the cost of what was used, in nano-USD; 0 if the prices are not known."""
    if prices is None:
        return 0
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    rates = next((tier for tier in reversed(prices.tiers) if prompt > tier.above), prices)
    # USD per million tokens are 1,000 nano-USD per token.
    return round((prompt * rates.prompt + completion * rates.completion) * 1000)


def _count(tokens: Any) -> int:
    """Returns a number of tokens; 0 for anything else that a provider may say."""
    return tokens if type(tokens) is int and tokens > 0 else 0
