"""The cost of a response: tokens times prices."""

from __future__ import annotations

from arouter.models import Prices, Rates

_MILLION = 1_000_000


def cost(
    prices: Prices,
    *,
    prompt_tokens: int,
    completion_tokens: int,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    prompt_audio_tokens: int = 0,
    completion_audio_tokens: int = 0,
) -> float:
    """Returns the cost in USD, never less than 0.

    If a provider counts parts of a prompt twice, or more parts than the prompt has, each token is still charged only
    once. Precedence: cached, written, audio.

    Args:
        prices: The model's prices.
        prompt_tokens: All prompt tokens, cached or not; they select the tier.
        completion_tokens: All completion tokens, including reasoning and audio.
        cached_tokens: Prompt tokens read from a cache.
        cache_write_tokens: Prompt tokens written to a cache.
        prompt_audio_tokens: Prompt tokens of audio that was not cached.
        completion_audio_tokens: Completion tokens of audio.
    """
    rates = rates_for(prices, prompt_tokens) if prices.tiers else prices
    if not (cached_tokens or cache_write_tokens or prompt_audio_tokens or completion_audio_tokens):
        return (max(prompt_tokens, 0) * rates.prompt + max(completion_tokens, 0) * rates.completion) / _MILLION
    plain = max(prompt_tokens, 0)
    total = 0.0
    for tokens, rate in (
        (cached_tokens, rates.cache_read),
        (cache_write_tokens, rates.cache_write),
        (prompt_audio_tokens, rates.prompt_audio),
    ):
        part = min(max(tokens, 0), plain)
        plain -= part
        total += part * (rates.prompt if rate is None else rate)
    spoken = min(max(completion_audio_tokens, 0), max(completion_tokens, 0))
    written = max(completion_tokens, 0) - spoken
    audio_rate = rates.completion if rates.completion_audio is None else rates.completion_audio
    return (total + plain * rates.prompt + spoken * audio_rate + written * rates.completion) / _MILLION


def rates_for(prices: Prices, prompt_tokens: int) -> Rates:
    """Returns the rates for a request with that number of prompt tokens."""
    return next((tier for tier in reversed(prices.tiers) if prompt_tokens > tier.above), prices)
