"""How good a model is, as far as its configuration, its name and its price tell. Pure.

A name says more than a price: the same weights cost a tenth from one provider of what another asks, and prices fall
every month. A price says more than nothing, and is all there is of a model that came out after this table.
"""

from __future__ import annotations

import re
from functools import lru_cache

from arouter.models import ModelDetails, Prices, Tier

NAMES: tuple[tuple[str, Tier], ...] = (
    # A mini that reasons is worth a larger model that does not.
    (r"o[134]-mini|codex-mini", "standard"),
    # What vendors call the small ones of a family.
    (
        r"(?:nano|micro|mini|tiny|lite|instant|small|haiku|luna|airx?|edge)(?![a-z])|ministral|smollm|gemma|phi-",
        "economy",
    ),
    (r"gemini-(?:1\.5-flash|2\.0-flash|flash-1)|(?:deepseek|glm|qwen|minimax)\S*flash|qwen-turbo", "economy"),
    # What they sell as their best.
    (
        r"opus|fable|mythos|astra|deep-research|nova-premier|(?:gpt-\d|o[134]|gemini-[2-9]|kimi-k\d|deepseek-v\d)\S*-pro",
        "premium",
    ),
    (r"gpt-[5-9](?!\S*terra)|gpt-4\.5|o[134](?:-preview)?(?:-20\S+)?$|deepseek-(?:reasoner|r1(?!-distill))", "premium"),
    (r"grok-(?:3$|[4-9](?!\S*fast))|kimi-k(?:[3-9]|2-thinking)|glm-[5-9]|qwen\S*-max", "premium"),
    # Good for most things.
    (r"sonnet|gpt-4|chatgpt|gpt-\d\S*terra|gemini-\S*(?:flash|pro)|nova-pro|grok|kimi|glm-4", "standard"),
    (r"mistral-(?:medium|large)|magistral|devstral|codestral|pixtral-large|mixtral-8x22b", "standard"),
    (r"deepseek-(?:chat|v\d|prover)|qwen\S*-plus|qwq|llama-?4|command-(?:a|r-plus)|minimax|sonar-", "standard"),
    # Good once.
    (r"gpt-3|claude-(?:2|instant|v1)|command|sonar|mixtral", "economy"),
)
"""What a name tells, in lower case and without the owner; the first pattern that is found counts."""

SIZES: tuple[tuple[float, Tier], ...] = ((35, "economy"), (300, "standard"))
"""The tier of a model with fewer billions of parameters than this, where its name says how many; else premium."""

PRICES: tuple[tuple[float, Tier], ...] = ((1, "economy"), (8, "standard"))
"""The tier of a model whose answers cost less than this, in USD per million tokens; else premium."""

_NAMES = tuple((re.compile(rf"(?<![a-z])(?:{pattern})"), tier) for pattern, tier in NAMES)
_SIZE = re.compile(r"(?<![a-z\d.])(\d{1,4}(?:[.p]\d{1,2})?)b(?![a-z])")
_PROMPT_PARTS = 3
_COMPLETION_PARTS = 1


def tier_of(name: str, details: ModelDetails) -> Tier:
    """Returns how good a model is.

    What is configured counts first, then what its name tells, then its price. Who tells nothing at all is `standard`.

    Args:
        name: The native name, or the id.
        details: What is known of it.
    """
    if details.tier is not None:
        return details.tier
    told = _told(name)
    if told is not None:
        return told
    if details.prices is None:
        return "standard"
    return _below(PRICES, details.prices.completion)


def blended_price(prices: Prices | None) -> float | None:
    """Returns the USD per million tokens of a usual call: three of prompt to one of answer. None if not known."""
    if prices is None:
        return None
    parts = _PROMPT_PARTS * prices.prompt + _COMPLETION_PARTS * prices.completion
    return parts / (_PROMPT_PARTS + _COMPLETION_PARTS)


@lru_cache(maxsize=4096)
def _told(name: str) -> Tier | None:
    own = name.lower().rpartition("/")[2].replace(":", "-").replace("_", "-")
    for pattern, tier in _NAMES:
        if pattern.search(own):
            return tier
    if sizes := _SIZE.findall(own):
        # Of `30b-a3b` the first is all its weights.
        return _below(SIZES, float(sizes[0].replace("p", ".")))
    return None


def _below(table: tuple[tuple[float, Tier], ...], number: float) -> Tier:
    return next((tier for below, tier in table if number < below), "premium")
