"""The quality tier of a model, derived from its configuration, name and price. Pure.

A name is a better signal than a price: providers charge up to ten times as much as others for the same weights, and
prices fall every month. The price is the only signal for models that are newer than this table.
"""

from __future__ import annotations

import re
from functools import lru_cache

from arouter.models import ModelDetails, Prices, Tier

NAMES: tuple[tuple[str, Tier], ...] = (
    # A small reasoning model counts as much as a larger one without reasoning.
    (r"o[134]-mini|codex-mini", "standard"),
    # Vendors' names for the small models of a family.
    (
        r"(?:nano|micro|mini|tiny|lite|instant|small|haiku|luna|airx?|edge)(?![a-z])|ministral|smollm|gemma|phi-",
        "economy",
    ),
    (r"gemini-(?:1\.5-flash|2\.0-flash|flash-1)|(?:deepseek|glm|qwen|minimax)\S*flash|qwen-turbo", "economy"),
    # Vendors' names for their best models.
    (
        r"opus|fable|mythos|astra|deep-research|nova-premier|(?:gpt-\d|o[134]|gemini-[2-9]|kimi-k\d|deepseek-v\d)\S*-pro",
        "premium",
    ),
    (r"gpt-[5-9](?!\S*terra)|gpt-4\.5|o[134](?:-preview)?(?:-20\S+)?$|deepseek-(?:reasoner|r1(?!-distill))", "premium"),
    (r"grok-(?:3$|[4-9](?!\S*fast))|kimi-k(?:[3-9]|2-thinking)|glm-[5-9]|qwen\S*-max", "premium"),
    # General-purpose models.
    (r"sonnet|gpt-4|chatgpt|gpt-\d\S*terra|gemini-\S*(?:flash|pro)|nova-pro|grok|kimi|glm-4", "standard"),
    (r"mistral-(?:medium|large)|magistral|devstral|codestral|pixtral-large|mixtral-8x22b", "standard"),
    (r"deepseek-(?:chat|v\d|prover)|qwen\S*-plus|qwq|llama-?4|command-(?:a|r-plus)|minimax|sonar-", "standard"),
    # Outdated models.
    (r"gpt-3|claude-(?:2|instant|v1)|command|sonar|mixtral", "economy"),
)
"""Tiers by name, in lower case and without the owner; the first pattern that matches applies."""

SIZES: tuple[tuple[float, Tier], ...] = ((35, "economy"), (300, "standard"))
"""Tiers by upper bound of the parameter count in billions, if the name contains it; otherwise premium."""

PRICES: tuple[tuple[float, Tier], ...] = ((1, "economy"), (8, "standard"))
"""Tiers by upper bound of the completion price in USD per million tokens; otherwise premium."""

_NAMES = tuple((re.compile(rf"(?<![a-z])(?:{pattern})"), tier) for pattern, tier in NAMES)
_SIZE = re.compile(r"(?<![a-z\d.])(\d{1,4}(?:[.p]\d{1,2})?)b(?![a-z])")
_PROMPT_PARTS = 3
_COMPLETION_PARTS = 1


def tier_of(name: str, details: ModelDetails) -> Tier:
    """Returns the quality tier of a model.

    The configured tier takes precedence, then the name, then the price. Without any of them the tier is `standard`.

    Args:
        name: The native name or the id.
        details: The metadata of the model.
    """
    if details.tier is not None:
        return details.tier
    by_name = _tier_by_name(name)
    if by_name is not None:
        return by_name
    if details.prices is None:
        return "standard"
    return _below(PRICES, details.prices.completion)


def blended_price(prices: Prices | None) -> float | None:
    """Returns the price of three parts prompt and one part completion, in USD per million tokens; None if unknown."""
    if prices is None:
        return None
    parts = _PROMPT_PARTS * prices.prompt + _COMPLETION_PARTS * prices.completion
    return parts / (_PROMPT_PARTS + _COMPLETION_PARTS)


@lru_cache(maxsize=4096)
def _tier_by_name(name: str) -> Tier | None:
    own = name.lower().rpartition("/")[2].replace(":", "-").replace("_", "-")
    for pattern, tier in _NAMES:
        if pattern.search(own):
            return tier
    if sizes := _SIZE.findall(own):
        # In `30b-a3b` the first number counts all parameters, the second the active ones.
        return _below(SIZES, float(sizes[0].replace("p", ".")))
    return None


def _below(table: tuple[tuple[float, Tier], ...], number: float) -> Tier:
    return next((tier for below, tier in table if number < below), "premium")
