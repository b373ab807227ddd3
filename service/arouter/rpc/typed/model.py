"""Models of the catalogue as protobuf messages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from arouter.catalogue.catalogue import Model
from arouter.models import Prices, Rates
from arouter.v1 import model_pb2

_PER_MILLION = Decimal(1_000_000)
_RATES = Rates.__struct_fields__


def basic_model(model: Model) -> model_pb2.Model:
    """Returns OpenAI's model object."""
    return model_pb2.Model(id=model.id, object="model", created=model.created, owned_by=model.owner)


def full_model(model: Model) -> model_pb2.Model:
    """Returns the model with what is known of it."""
    known = model.details
    message = basic_model(model)
    message.details.CopyFrom(
        model_pb2.ModelDetails(
            display_name=known.display_name,
            context_length=known.context_length,
            max_output_tokens=known.max_output_tokens,
            input_modalities=known.input_modalities,
            output_modalities=known.output_modalities,
            supported_parameters=known.supported_parameters,
            pricing=None if known.prices is None else _pricing(known.prices),
        )
    )
    return message


def _pricing(prices: Prices) -> model_pb2.Pricing:
    tiers = [model_pb2.PricingTier(above=tier.above, **_rates(tier)) for tier in prices.tiers]
    return model_pb2.Pricing(**_rates(prices), tiers=tiers)


def _rates(rates: Rates) -> dict[str, Any]:
    return {name: per_token(rate) for name in _RATES if (rate := getattr(rates, name)) is not None}


def per_token(rate: float) -> str:
    """Returns USD per million tokens as USD per token, in decimal notation without an exponent: `0.000003`."""
    exact = f"{Decimal(repr(float(rate))) / _PER_MILLION:f}"
    return exact.rstrip("0").rstrip(".") if "." in exact else exact
