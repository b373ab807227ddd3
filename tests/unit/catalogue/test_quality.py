"""Which tier a model is in, and what a usual token of it costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.catalogue.quality import blended_price, tier_of
from arouter.models import UNKNOWN, ModelDetails, Prices, Tier

TIERS: dict[Tier, list[str]] = {
    "economy": [
        "openai/gpt-4o-mini",
        "gpt-5.4-nano",
        "gpt-5-mini",
        "gpt-5.6-luna",
        "gpt-oss-20b",
        "ft:gpt-4o-mini:acme::1",
        "gpt-3.5-turbo",
        "claude-haiku-4-5",
        "anthropic.claude-3-haiku-20240307-v1:0",
        "gemini-2.5-flash-lite",
        "gemini-1.5-flash",
        "llama-3.1-8b-instant",
        "accounts/fireworks/models/llama-v3p1-8b-instruct",
        "llama3.2:3b",
        "qwen3:0.6b",
        "qwen3-30b-a3b",
        "deepseek-r1-distill-qwen-7b",
        "deepseek-v4-flash",
        "mistral-small-latest",
        "ministral-8b-latest",
        "open-mistral-7b",
        "mixtral-8x7b-32768",
        "smollm2-135m",
        "gemma-3",
        "phi-4",
        "command-r",
        "grok-3-mini",
        "glm-4.5-air",
        "amazon.nova-lite-v1:0",
    ],
    "standard": [
        "gpt-4o",
        "gpt-4.1",
        "o4-mini",
        "gpt-5.6-terra",
        "gpt-oss-120b",
        "claude-sonnet-4-5",
        "gemini-2.5-flash",
        "gemini-3.6-flash",
        "llama-3.3-70b-versatile",
        "meta-llama/llama-4-maverick-17b-128e-instruct",
        "Qwen/Qwen3-235B-A22B",
        "qwen-plus",
        "deepseek-chat",
        "deepseek-v3.2",
        "deepseek-r1-distill-llama-70b",
        "mistral-medium-latest",
        "mistral-large-2512",
        "grok-4-fast-reasoning",
        "kimi-k2",
        "glm-4.6",
        "command-a",
        "sonar-pro",
    ],
    "premium": [
        "gpt-5",
        "gpt-5.4",
        "gpt-5.5-pro",
        "o3",
        "o3-2025-04-16",
        "o1-pro",
        "claude-opus-4-5",
        "claude-3-opus-latest",
        "gemini-2.5-pro",
        "gemini-3-pro-preview",
        "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo",
        "deepseek-reasoner",
        "deepseek-r1-0528",
        "grok-4-0709",
        "kimi-k3",
        "glm-5.1",
        "qwen3-max",
    ],
}


def priced(completion: float, prompt: float = 0) -> ModelDetails:
    return ModelDetails(prices=Prices(prompt=prompt, completion=completion))


@pytest.mark.parametrize(
    ("name", "tier"), [pytest.param(name, tier, id=name) for tier, names in TIERS.items() for name in names]
)
def test_a_name_tells_the_tier_whatever_the_price(name: str, tier: Tier) -> None:
    assert tier_of(name, UNKNOWN) == tier
    assert tier_of(name, priced(0.1)) == tier
    assert tier_of(name, priced(100)) == tier


def test_what_is_configured_counts_before_the_name() -> None:
    assert tier_of("gpt-5.4-nano", ModelDetails(tier="premium")) == "premium"


@pytest.mark.parametrize(
    ("completion", "tier"), [(0, "economy"), (0.99, "economy"), (1, "standard"), (7.99, "standard"), (8, "premium")]
)
def test_where_the_name_tells_nothing_the_price_does(completion: float, tier: Tier) -> None:
    assert tier_of("inkling", priced(completion)) == tier


def test_of_whom_nothing_is_known_the_tier_is_the_middle_one() -> None:
    assert tier_of("inkling", UNKNOWN) == "standard"


@given(st.text(max_size=80))
def test_any_name_has_a_tier(name: str) -> None:
    assert tier_of(name, UNKNOWN) in TIERS


def test_a_blended_price_is_three_parts_prompt_to_one_part_answer() -> None:
    assert blended_price(priced(10, prompt=2).prices) == pytest.approx(4)
    assert blended_price(None) is None
