"""The models that a provider's configuration lists."""

from __future__ import annotations

from collections.abc import Iterable

from arouter.config.load import ConfigError
from arouter.config.provider_schema import ModelConfig
from arouter.models import UNKNOWN, ModelDetails

ALL = "*"
"""In the list of models: all models of the provider's own list."""

_MIN_PRICE = 0.0001
"""Lower bound of plausible prices in USD per million tokens; a hundredth of the cheapest models' prices."""


def configured_models(provider: str, models: Iterable[str | ModelConfig]) -> dict[str, ModelDetails]:
    """Returns the configured metadata by native model name.

    Raises:
        ConfigError: A model is duplicated, or its prices are in the wrong unit or order.
    """
    configured: dict[str, ModelDetails] = {}
    for model in models:
        name = model if isinstance(model, str) else model.name
        if name in configured:
            raise ConfigError(f"provider {provider!r}: duplicate model {name!r}")
        if isinstance(model, ModelConfig):
            _check_prices(f"provider {provider!r}, model {name!r}", model)
        if name != ALL:
            configured[name] = UNKNOWN if isinstance(model, str) else UNKNOWN.over(model)
    return configured


def _check_prices(place: str, model: ModelConfig) -> None:
    if model.prices is None:
        return
    above = [tier.above for tier in model.prices.tiers]
    if above != sorted(set(above)):
        raise ConfigError(f"{place}: tiers must be in ascending order of 'above'")
    for rates in (model.prices, *model.prices.tiers):
        if 0 < rates.prompt < _MIN_PRICE or 0 < rates.completion < _MIN_PRICE:
            raise ConfigError(f"{place}: prices must be in USD per million tokens, not per token")
