"""Reads `genai-prices` in a separate process: `python -m arouter.catalogue.price_table`. See `price_lookup`.

Reads a JSON array of `[provider, model]` with genai-prices' provider ids from standard input, and writes an array of
`ModelDetails` in the same order, empty where nothing is known. The only module that imports genai_prices, because that
takes a third of a second and 40 MB, which workers should not pay. No other module imports this one.

Prices that `Rates` cannot represent are left out: per request, search, page, character, hour and image; separate ones
for reasoning and citations; cached audio; caches that live an hour; and the variants batch, flex and priority.
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
from arouter.providers.model_filter import embeds

_NICENESS = 10
"""Lowers the priority: calls are served on the same machine, and no call waits for this."""

_MAX_NAME = 256
"""Maximum length of a name, because names are matched against the package's regular expressions."""

_PRICE_KEYS = {
    "prompt": "input_mtok",
    "completion": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "prompt_audio": "input_audio_mtok",
    "completion_audio": "output_audio_mtok",
}


def main() -> None:
    """Responds to the query on standard input."""
    os.nice(_NICENESS)
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=list[tuple[str, str]])
    sys.stdout.buffer.write(msgspec.json.encode(look_up(wanted, datetime.now(UTC))))


def look_up(wanted: Sequence[tuple[str, str]], now: datetime) -> list[ModelDetails]:
    """Returns the metadata of each (genai-prices' provider id, native model name) at that time."""
    providers = get_snapshot().providers
    by_id = {provider.id: provider for provider in providers}
    found = []
    for provider_id, name in wanted:
        provider = by_id.get(provider_id)
        # With `all_providers`: Azure has few rows of its own, and the package names the provider whose prices apply to
        # the rest.
        model = provider and len(name) <= _MAX_NAME and provider.find_model(name, all_providers=providers)
        found.append(_details(model, name, now) if model else UNKNOWN)
    return found


def _details(model: ModelInfo, name: str, now: datetime) -> ModelDetails:
    prices = _prices(model.get_prices(now), embeds(name))
    details = {"context_length": model.context_window, "prices": prices}
    try:
        return msgspec.convert({key: value for key, value in details.items() if value is not None}, ModelDetails)
    except msgspec.ValidationError:
        # One invalid row, such as a negative price, must not invalidate the others.
        return UNKNOWN


def _prices(price: ModelPrice, creates_embeddings: bool) -> dict[str, Any] | None:
    """Returns `Prices` in JSON form; None if any token price is missing. Free models have an empty table."""
    by_rate = {name: getattr(price, key) for name, key in _PRICE_KEYS.items()}
    if creates_embeddings and by_rate["completion"] is None:
        by_rate["completion"] = Decimal(0)
    base = _rates_above(by_rate, 0)
    if "prompt" not in base or "completion" not in base:
        return None
    starts = {tier.start for value in by_rate.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    tiers = [{"above": start, **_rates_above(by_rate, start)} for start in sorted(starts) if start > 0]
    return {**base, "tiers": tiers}


def _rates_above(by_rate: dict[str, Decimal | TieredPrices | None], start: int) -> dict[str, float]:
    """Returns the rates of prompts with slightly more than `start` tokens.

    A tier applies to all tokens of a prompt that exceeds its start: `genai_prices.types.calc_unit_price`.
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
