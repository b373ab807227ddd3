"""Reads `genai-prices`, as a process of its own: `python -m arouter.catalogue.price_table`. See `price_lookup`.

Takes a JSON array of `[provider, model]` on standard input, by genai-prices' own provider ids, and writes one of
`ModelDetails` in the same order, empty where nothing is known. The only module that imports genai_prices: that takes a
third of a second and 40 MB, which no worker shall pay. No other module imports this one.

Left out, for `Rates` has no place for it: prices per request, search, page, character, hour and image, of reasoning and
citations apart, of cached audio, of caches that live an hour; and the variants (batch, flex, priority).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from arouter.models import UNKNOWN, ModelDetails

_NICENESS = 10
"""Requests are being answered on the same machine, and nobody waits for this."""

_MAX_NAME = 256
"""Names go through the package's regular expressions."""

_PRICE_KEYS = {
    "prompt": "input_mtok",
    "completion": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "prompt_audio": "input_audio_mtok",
    "completion_audio": "output_audio_mtok",
}


def main() -> None:
    """Answers what is asked on standard input."""
    os.nice(_NICENESS)
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=list[tuple[str, str]])
    sys.stdout.buffer.write(msgspec.json.encode(look_up(wanted, datetime.now(UTC))))


def look_up(wanted: Sequence[tuple[str, str]], now: datetime) -> list[ModelDetails]:
    """Returns what is known of each (genai-prices' provider id, native model name) at that time."""
    providers = get_snapshot().providers
    by_id = {provider.id: provider for provider in providers}
    found = []
    for provider_id, name in wanted:
        provider = by_id.get(provider_id)
        # `all_providers`: Azure's own rows are few, and the package says whose prices hold for the rest.
        model = provider and len(name) <= _MAX_NAME and provider.find_model(name, all_providers=providers)
        found.append(_details(model, now) if model else UNKNOWN)
    return found


def _details(model: ModelInfo, now: datetime) -> ModelDetails:
    said = {"context_length": model.context_window, "prices": _prices(model.get_prices(now))}
    try:
        return msgspec.convert({key: value for key, value in said.items() if value is not None}, ModelDetails)
    except msgspec.ValidationError:
        # One wrong row, such as a negative price, is not to cost the others.
        return UNKNOWN


def _prices(price: ModelPrice) -> dict[str, Any] | None:
    """Returns `Prices` as JSON has them; None if not all tokens have a price: free models have an empty table."""
    by_rate = {name: getattr(price, key) for name, key in _PRICE_KEYS.items()}
    base = _rates_above(by_rate, 0)
    if "prompt" not in base or "completion" not in base:
        return None
    starts = {tier.start for value in by_rate.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    tiers = [{"above": start, **_rates_above(by_rate, start)} for start in sorted(starts) if start > 0]
    return {**base, "tiers": tiers}


def _rates_above(by_rate: dict[str, Decimal | TieredPrices | None], start: int) -> dict[str, float]:
    """Returns the rates of prompts with a little more than `start` tokens.

    A tier holds for all tokens of a prompt that has more than its start: `genai_prices.types.calc_unit_price`.
    """
    rates = {}
    for name, value in by_rate.items():
        if isinstance(value, TieredPrices):
            rates[name] = float(next((tier.price for tier in reversed(value.tiers) if tier.start <= start), value.base))
        elif value is not None:
            rates[name] = float(value)
    return rates


if __name__ == "__main__":
    main()
