"""Estimates what a request uses of its key's limits at most, before it is sent. Pure.

The excess is given back when the call is settled.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from arouter.chat.parameters import max_tokens_of
from arouter.chat.request import ChatRequest
from arouter.chat.token_estimates import max_prompt_tokens
from arouter.models import ModelDetails, Prices

DEFAULT_COMPLETION = 4096
"""Assumed tokens of a completion if neither the request nor the model's details limit them."""

_MAX_TOKENS = 2**31 - 1
_MAX_COST = 2**53
"""In nano-USD, about nine million USD: the largest number that Lua in Valkey represents exactly."""


class WorstCase(NamedTuple):
    """What a call uses at most.

    Attributes:
        tokens: Tokens of prompt and completion together.
        cost: Cost in nano-USD; 0 if the model's prices are not known.
    """

    tokens: int
    cost: int


def worst_case(request: ChatRequest, *candidates: ModelDetails) -> WorstCase:
    """Returns what a request uses at most, whichever of the candidates serves it, according to their details."""
    prompt = max_prompt_tokens(request)
    most_tokens = most_cost = 0
    for details in candidates:
        completion = _completion_tokens(request.body, details, prompt)
        most_tokens = max(most_tokens, prompt + completion)
        if details.prices is not None:
            most_cost = max(most_cost, _max_cost(details.prices, request.body, prompt, completion))
    return WorstCase(min(most_tokens, _MAX_TOKENS), min(most_cost, _MAX_COST))


def _completion_tokens(body: dict[str, Any], details: ModelDetails, prompt: int) -> int:
    asked = max_tokens_of(body)
    if asked and asked > 0:
        one = asked
    elif details.max_output_tokens is not None:
        one = details.max_output_tokens
    elif details.context_length is not None:
        one = max(details.context_length - prompt, 1)
    else:
        one = DEFAULT_COMPLETION
    choices: int = body.get("n") or 1
    return min(one * max(choices, 1), _MAX_TOKENS)


def _max_cost(prices: Prices, body: dict[str, Any], prompt: int, completion: int) -> int:
    """Returns the cost in nano-USD at the highest rates that may apply: the real rates are known only afterwards."""
    audio = "audio" in (body.get("modalities") or ())
    per_prompt = per_completion = 0.0
    for rate in (prices, *(tier for tier in prices.tiers if tier.above < prompt)) if prices.tiers else (prices,):
        per_prompt = max(per_prompt, rate.prompt, rate.cache_write or 0, rate.prompt_audio or 0)
        per_completion = max(per_completion, rate.completion, (rate.completion_audio or 0) if audio else 0)
    # USD per million tokens are 1,000 nano-USD per token.
    return math.ceil((prompt * per_prompt + completion * per_completion) * 1000)
