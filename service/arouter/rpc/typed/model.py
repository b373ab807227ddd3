"""Converts models of the catalogue to protobuf messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from arouter.catalogue.catalogue import Model
from arouter.models import Prices, Rates
from arouter.v1 import model_pb2
from arouter.v1.model_service_pb2 import WatchModelsResponse

Build: TypeAlias = Callable[[Model], model_pb2.Model]

_PER_MILLION = Decimal(1_000_000)
_RATES = Rates.__struct_fields__


def basic_model(model: Model) -> model_pb2.Model:
    """Returns OpenAI's model object."""
    return model_pb2.Model(id=model.id, object="model", created=model.created, owned_by=model.owner)


def full_model(model: Model) -> model_pb2.Model:
    """Returns the model with its metadata."""
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


def model_changes(old: Mapping[str, Model], new: Mapping[str, Model], build: Build) -> WatchModelsResponse | None:
    """Returns the visible differences between two lists, or None if there are none."""
    changes = WatchModelsResponse(
        added=[build(model) for id_, model in new.items() if id_ not in old],
        removed=[id_ for id_ in old if id_ not in new],
    )
    for id_, model in new.items():
        before = old.get(id_)
        # Builds both versions only for models that may differ: most stay the same.
        if before is not None and before != model and (message := build(model)) != build(before):
            changes.changed.append(message)
    return changes if changes.ByteSize() else None


def _pricing(prices: Prices) -> model_pb2.Pricing:
    tiers = [model_pb2.PricingTier(above=tier.above, **_rates(tier)) for tier in prices.tiers]
    return model_pb2.Pricing(**_rates(prices), tiers=tiers)


def _rates(rates: Rates) -> dict[str, Any]:
    return {name: per_token(rate) for name in _RATES if (rate := getattr(rates, name)) is not None}


def per_token(rate: float) -> str:
    """Converts USD per million tokens to USD per token, in decimal notation without an exponent: `0.000003`."""
    exact = f"{Decimal(repr(float(rate))) / _PER_MILLION:f}"
    return exact.rstrip("0").rstrip(".") if "." in exact else exact
