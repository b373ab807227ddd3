"""The models that a provider's row names."""

from __future__ import annotations

from collections.abc import Iterable

from arouter.config.load import ConfigError
from arouter.config.provider_schema import ModelConfig
from arouter.models import UNKNOWN, ModelDetails

ALL = "*"
"""Among the models of a row: all those of the provider's own list."""

_LEAST_PRICE = 0.0001
"""USD per million tokens that nobody is below; a hundredth of what the cheapest models cost."""


def configured_models(provider: str, models: Iterable[str | ModelConfig]) -> dict[str, ModelDetails]:
    """Returns what a row says of its models, by native name.

    Raises:
        ConfigError: A model is there twice, or its prices mean something else than they say.
    """
    configured: dict[str, ModelDetails] = {}
    for model in models:
        name = model if isinstance(model, str) else model.name
        if name in configured:
            raise ConfigError(f"provider {provider!r}: the model {name!r} is there twice")
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
        raise ConfigError(f"{place}: tiers must rise by 'above'")
    for rates in (model.prices, *model.prices.tiers):
        if 0 < rates.prompt < _LEAST_PRICE or 0 < rates.completion < _LEAST_PRICE:
            raise ConfigError(f"{place}: prices are USD per million tokens, not per token")
