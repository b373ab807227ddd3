"""Parses prices in a model list: an object `pricing`, in one of three dialects.

Strings are USD per token: OpenRouter (its SDK's `PublicPricing` and `PricingOverride`) and compatible servers. Numbers
are USD per million tokens: Together and Hugging Face as `input` and `output`, ARouter itself by the names of `Rates`. A
numeric `prompt` of any other server is ambiguous and ignored.

Ignored, because `Rates` cannot represent them: prices per request, image and search, separate ones for reasoning,
cached audio, caches that live an hour, and prices by time of day; and OpenRouter's `discount`, because it is not
documented whether prices include it.
"""

from __future__ import annotations

from typing import Any

from arouter.models import Prices, PriceTier
from arouter.providers.lenient import objects
from arouter.providers.list_values import tokens, usd

Json = dict[str, Any]

_PER_TOKEN = 1_000_000
_NAMES = {
    "prompt": ("prompt", "input"),
    "completion": ("completion", "output"),
    "cache_read": ("cache_read", "input_cache_read"),
    "cache_write": ("cache_write", "input_cache_write"),
    "prompt_audio": ("prompt_audio", "audio"),
    "completion_audio": ("completion_audio", "audio_output"),
}
_TIMED = frozenset({"utc_days", "utc_end", "utc_start"})


def read_prices(pricing: Any, *, own: bool = False) -> Prices | None:
    """Returns the token prices in `pricing`, or None.

    Args:
        pricing: The object, or any other value in its place.
        own: Whether it is in ARouter's own format.
    """
    if not isinstance(pricing, dict):
        return None
    rates = _rates(pricing, own)
    prompt, completion = rates.get("prompt"), rates.get("completion")
    if prompt is None or completion is None:
        return None
    if prompt == completion == 0 and not own and not isinstance(pricing.get("prompt"), str):
        # Together sends zeros for models without a price per token, such as those that are rented by the hour.
        return None
    return Prices(
        prompt=prompt,
        completion=completion,
        cache_read=rates.get("cache_read"),
        cache_write=rates.get("cache_write"),
        prompt_audio=rates.get("prompt_audio"),
        completion_audio=rates.get("completion_audio"),
        tiers=_tiers(rates, pricing, own),
    )


def _tiers(base: dict[str, float], pricing: Json, own: bool) -> tuple[PriceTier, ...]:
    """Returns the tiers with all rates: a later entry overrides the earlier ones and the base."""
    found: list[tuple[int, dict[str, float]]] = []
    for entry in objects(pricing.get("tiers" if own else "overrides")):
        above = _threshold(entry.get("above" if own else "min_prompt_tokens"))
        rates = _rates(entry, own)
        if above is not None and rates and not _TIMED & entry.keys():
            found.append((above, rates))
    tiers: list[PriceTier] = []
    for start in sorted({above for above, _ in found}):
        rates = dict(base)
        for above, changed in found:
            if above <= start:
                rates |= changed
        tiers.append(PriceTier(above=start, prompt=rates.pop("prompt"), completion=rates.pop("completion"), **rates))
    return tuple(tiers)


def _rates(said: Json, own: bool) -> dict[str, float]:
    rates: dict[str, float] = {}
    for name, theirs in _NAMES.items():
        for key in theirs:
            value = said.get(key)
            if isinstance(value, str):
                rate = usd(value, times=_PER_TOKEN)
            else:
                rate = usd(value) if own or key in ("input", "output") else None
            # OpenRouter sends "0" for unsupported features. In ARouter's own format a zero is a price.
            if rate is not None and (rate > 0 or own or name in ("prompt", "completion")):
                rates[name] = rate
                break
    return rates


def _threshold(value: Any) -> int | None:
    """Returns the number of prompt tokens above which an entry applies; OpenRouter's SDK has it as a float."""
    return tokens(int(value) if isinstance(value, float) and value.is_integer() else value)
