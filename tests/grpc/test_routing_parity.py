"""What a request says of routing is the same through REST and through typed gRPC, and so are the errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.shapes import PROVIDER_FIELDS
from arouter.rpc.typed.request import request_to_dict
from arouter.v1 import (
    chat_service_pb2 as service_pb,
)
from arouter.v1 import (
    route_option_pb2 as route_pb,
)
from emulator import Emulator
from support.rest import Rest
from support.stack import Stack
from support.typed import Client, chat_request, refusal


@pytest.fixture
def client(stack: Stack, emulator: Emulator) -> Iterator[Client]:
    with stack.channel() as channel:
        yield Client(stack, channel)


ROUTING: dict[str, Any] = {
    "models": ["emu/text", "emu/other:floor"],
    "route": "fallback",
    "provider": {
        "order": ["Emu", "groq"],
        "only": ["emu"],
        "ignore": ["azure"],
        "allow_fallbacks": False,
        "require_parameters": False,
        "data_collection": "deny",
        "zdr": False,
        "quantizations": ["int8", "fp8"],
        "sort": "price",
        "preferred_min_throughput": 40.0,
        "preferred_max_latency": 0.5,
        "max_price": {"prompt": 0.0, "completion": 2.5},
    },
    "plugins": [
        {"id": "auto-router", "allowed_models": ["emu/*"], "enabled": False},
        {"id": "auto-router"},
    ],
}


def typed_routing() -> dict[str, Any]:
    """Returns `ROUTING` as the fields of a message."""
    plugin, auto = route_pb.Plugin, route_pb.AutoRouterPlugin
    return {
        "models": ["emu/text", "emu/other:floor"],
        "route": "fallback",
        "provider": route_pb.ProviderPreferences(
            order=["Emu", "groq"],
            only=["emu"],
            ignore=["azure"],
            allow_fallbacks=False,
            require_parameters=False,
            data_collection="deny",
            zdr=False,
            quantizations=["int8", "fp8"],
            sort="price",
            preferred_min_throughput=40,
            preferred_max_latency=0.5,
            max_price=route_pb.MaxPrice(prompt=0, completion=2.5),
        ),
        "plugins": [plugin(auto_router=auto(allowed_models=["emu/*"], enabled=False)), plugin(auto_router=auto())],
    }


def test_what_is_said_to_the_router_is_the_same_json() -> None:
    """Every preference that is served has a typed field."""
    body = request_to_dict(service_pb.ChatCompletionRequest(**typed_routing()))

    assert body == ROUTING
    assert body["provider"].keys() == PROVIDER_FIELDS.keys()
    assert {*body, "transforms"} == set(ROUTER_FIELDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": ["emu/text", ""]},
        {"route": "random"},
        {"provider": {"order": ["emu", ""]}},
        {"provider": {"sort": "quality"}},
        {"provider": {"data_collection": "never"}},
        {"provider": {"preferred_max_latency": -1.0}},
        {"provider": {"max_price": {"prompt": -1.0}}},
    ],
    ids=str,
)
def test_both_doors_refuse_a_wrong_preference_in_the_same_words(
    rest: Rest, client: Client, wrong: dict[str, Any]
) -> None:
    """In the same words, and naming the same parameter."""
    answer = rest.chat({"model": "emu/text", "messages": [{"role": "user", "content": "hi"}], **wrong})
    with pytest.raises(grpc.RpcError) as refused:
        client.chat.ChatCompletion(chat_request(**wrong), **client.options)

    assert answer.status == 400
    assert refused.value.details() == answer.error["message"]
    assert refusal(refused.value).info["param"] == answer.error["param"]
