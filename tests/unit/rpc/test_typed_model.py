"""Models of the catalogue as protobuf messages."""

from __future__ import annotations

import orjson
import pytest
from google.protobuf.json_format import MessageToDict

from arouter.catalogue.catalogue import Endpoint, Model
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.models import ModelDetails, Prices, PriceTier
from arouter.providers.adapter import ListedModel
from arouter.providers.provider import build_providers
from arouter.rpc.typed.model import full_model, per_token


@pytest.mark.parametrize(
    ("per_million", "written"),
    [
        (0, "0"),
        (3, "0.000003"),
        (0.075, "0.000000075"),
        (2.5, "0.0000025"),
        (1_000_000, "1"),
        (12_500_000.0, "12.5"),
        (1e-9, "0.000000000000001"),
    ],
)
def test_a_price_is_a_plain_decimal_number(per_million: float, written: str) -> None:
    assert per_token(per_million) == written


def test_what_is_listed_can_be_read_by_another_arouter() -> None:
    rates = {"prompt": 2.5, "completion": 15.0, "cache_read": 0.25, "prompt_audio": 10.0}
    details = ModelDetails(
        display_name="M",
        context_length=1_050_000,
        max_output_tokens=128_000,
        input_modalities=("text", "image"),
        output_modalities=("text",),
        supported_parameters=("tools",),
        prices=Prices(**rates, tiers=(PriceTier(above=272_000, **{**rates, "prompt": 5.0}),)),
    )
    provider = build_providers(parse_config('providers: [{id: p, base_url: "http://x/v1"}]', {}), read_environment({}))[
        0
    ]
    message = full_model(Model("p/m", (Endpoint("p/m", provider, "m", 5, details),)))
    listed = {"object": "list", "data": [MessageToDict(message, preserving_proto_field_name=True)]}

    page = provider.adapter.decode_models(orjson.dumps(listed))

    assert page.models == [ListedModel("p/m", 5, details)]
