"""Estimates what a request uses of its key's limits at most, before it is sent. Pure.

The excess is given back when the call is settled.
"""

from __future__ import annotations

import math
from typing import NamedTuple

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
        completion = 0 if request.operation == "embeddings" else _completion_tokens(request, details, prompt)
        most_tokens = max(most_tokens, prompt + completion)
        if details.prices is not None:
            most_cost = max(most_cost, _max_cost(details.prices, request, prompt, completion))
    return WorstCase(min(most_tokens, _MAX_TOKENS), min(most_cost, _MAX_COST))


def _completion_tokens(request: ChatRequest, details: ModelDetails, prompt: int) -> int:
    body = request.body
    is_chat = request.operation == "chat"
    asked = max_tokens_of(body) if is_chat else body.get("max_tokens")
    if asked and asked > 0:
        one = asked
    elif details.max_output_tokens is not None:
        one = details.max_output_tokens
    elif details.context_length is not None:
        one = max(details.context_length - prompt, 1)
    else:
        one = DEFAULT_COMPLETION
    choices: int = max(body.get("n") or 1, 1)
    if not is_chat:
        # All of `best_of` are generated, for each prompt.
        choices = max(choices, body.get("best_of") or 1) * len(request.inputs)
    return min(one * choices, _MAX_TOKENS)


def _max_cost(prices: Prices, request: ChatRequest, prompt: int, completion: int) -> int:
    """Returns the cost in nano-USD at the highest rates that may apply: the real rates are known only afterwards."""
    audio = request.operation == "chat" and "audio" in (request.body.get("modalities") or ())
    per_prompt = per_completion = 0.0
    for rate in (prices, *(tier for tier in prices.tiers if tier.above < prompt)) if prices.tiers else (prices,):
        per_prompt = max(per_prompt, rate.prompt, rate.cache_write or 0, rate.prompt_audio or 0)
        per_completion = max(per_completion, rate.completion, (rate.completion_audio or 0) if audio else 0)
    # USD per million tokens are 1,000 nano-USD per token.
    return math.ceil((prompt * per_prompt + completion * per_completion) * 1000)
