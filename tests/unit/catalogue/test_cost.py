"""What an answer cost, compared with genai-prices' own arithmetic on its own models."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arouter.catalogue.cost import cost
from arouter.catalogue.price_lookup import GENAI_PRICES_IDS
from arouter.catalogue.price_table import look_up
from arouter.models import Prices, PriceTier

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
PRICES = Prices(
    prompt=2.0,
    completion=10.0,
    cache_read=0.5,
    tiers=(PriceTier(above=100, prompt=4.0, completion=20.0), PriceTier(above=200, prompt=8.0, completion=40.0)),
)


def priced_models() -> dict[tuple[str, str], Prices]:
    """Returns all models of the providers we know that cost by tokens alone."""
    ids = [
        # Fireworks' own names are longer, and the package matches those.
        (provider.id, f"accounts/fireworks/models/{model.id}" if provider.id == "fireworks" else model.id)
        for provider in get_snapshot().providers
        if provider.id in GENAI_PRICES_IDS.values()
        for model in provider.models
        if model.get_prices(NOW).requests_kcount is None
    ]
    found = zip(ids, look_up(ids, NOW), strict=True)
    return {key: details.prices for key, details in found if details.prices is not None}


MODELS = priced_models()
STARTS = sorted({tier.above for prices in MODELS.values() for tier in prices.tiers})
PROMPT_TOKENS = st.integers(0, 2_000_000) | st.sampled_from([start + more for start in STARTS for more in (0, 1)])


def test_the_models_compared_have_tiers_caches_and_audio() -> None:
    assert len(MODELS) > 800
    assert {key[0] for key in MODELS} == set(GENAI_PRICES_IDS.values())
    assert sum(bool(prices.tiers) for prices in MODELS.values()) > 50
    assert sum(prices.cache_write is not None for prices in MODELS.values()) > 50
    assert sum(prices.prompt_audio is not None for prices in MODELS.values()) > 5
    assert sum(prices.completion_audio is not None for prices in MODELS.values()) > 3


@settings(max_examples=400, deadline=None)
@given(
    key=st.sampled_from(sorted(MODELS)),
    prompt=PROMPT_TOKENS,
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    completion=st.integers(0, 200_000),
    spoken=st.floats(0, 1),
)
@example(("openai", "gpt-5.5"), 272_000, (0.1, 0.5, 0.5), 1_000, 0.0)
@example(("openai", "gpt-5.5"), 272_001, (0.1, 0.5, 0.5), 1_000, 0.0)
@example(("anthropic", "claude-sonnet-4-6"), 300_000, (0.2, 0.9, 0.9), 1_000, 0.0)
@example(("google", "gemini-2.5-flash"), 5_000, (0.1, 0.1, 0.8), 1_000, 0.0)
@example(("openai", "gpt-4o-audio-preview"), 5_000, (0.0, 0.0, 0.8), 1_000, 0.7)
@example(("openrouter", "x-ai/grok-4-fast"), 128_001, (0.5, 0.5, 0.5), 1_000, 0.0)
def test_costs_what_genai_prices_says(
    key: tuple[str, str], prompt: int, cuts: tuple[float, float, float], completion: int, spoken: float
) -> None:
    first, second, third = (int(prompt * cut) for cut in sorted(cuts))
    parts = {"cached": first, "written": second - first, "audio": third - second}
    spoken_tokens = int(completion * spoken)

    ours = cost(
        MODELS[key],
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=parts["cached"],
        cache_write_tokens=parts["written"],
        prompt_audio_tokens=parts["audio"],
        completion_audio_tokens=spoken_tokens,
    )

    usage = Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read_tokens=parts["cached"],
        cache_write_tokens=parts["written"],
        input_audio_tokens=parts["audio"],
        output_audio_tokens=spoken_tokens,
        # Where they are priced, they must be said: no part of the audio came from a cache.
        cache_audio_read_tokens=0,
        cache_audio_write_tokens=0,
    )
    theirs = calc_price(usage, key[1], provider_id=key[0], genai_request_timestamp=NOW).total_price
    assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-15)


@pytest.mark.parametrize(("prompt", "dollars"), [(100, 200.0), (101, 404.0), (200, 800.0), (201, 1608.0)])
def test_a_tier_holds_for_all_tokens_of_a_prompt_beyond_its_start(prompt: int, dollars: float) -> None:
    assert cost(PRICES, prompt_tokens=prompt, completion_tokens=0) * 1_000_000 == pytest.approx(dollars)


def test_the_tier_is_that_of_the_whole_prompt_and_cached_tokens_cost_as_the_prompt_where_nothing_else_is_said() -> None:
    assert cost(PRICES, prompt_tokens=150, completion_tokens=1, cached_tokens=149) * 1_000_000 == pytest.approx(620)


@pytest.mark.parametrize(
    "parts",
    [
        {"cached_tokens": 50, "cache_write_tokens": 80, "prompt_audio_tokens": 90},
        {"cached_tokens": 50, "cache_write_tokens": -7, "completion_audio_tokens": -3},
        {"cached_tokens": 50, "completion_audio_tokens": 99},
    ],
)
def test_no_token_costs_twice_or_less_than_nothing(parts: dict[str, int]) -> None:
    assert cost(PRICES, prompt_tokens=90, completion_tokens=10, **parts) * 1_000_000 == pytest.approx(25 + 80 + 100)


def test_an_answer_without_tokens_costs_nothing() -> None:
    assert cost(PRICES, prompt_tokens=0, completion_tokens=0) == 0
    assert cost(PRICES, prompt_tokens=-5, completion_tokens=-5, cached_tokens=5) == 0
