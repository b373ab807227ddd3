"""`RoutingService.ExplainRoute` over gRPC, and the `RouteTrace` in typed answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from arouter.v1.chat_service_pb2 import ChatCompletionRequest
from arouter.v1.route_pb2 import RouteTrace
from arouter.v1.routing_service_pb2 import ExplainRouteRequest, ExplainRouteResponse
from emulator import Emulator
from support.routes import PROMPT, config
from support.stack import Stack, running
from support.typed import Client, chat_request, refusal

EASY: str = PROMPT[0]["content"]


@pytest.fixture(scope="module")
def routed(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("routed"), config(provider)) as stack:
        yield stack


@pytest.fixture(params=["direct", "through Envoy"])
def client(request: pytest.FixtureRequest, routed: Stack, emulator: Emulator) -> Iterator[Client]:
    with routed.channel(routed.port if request.param == "through Envoy" else None) as channel:
        yield Client(routed, channel)


def explain(client: Client, **fields: Any) -> ExplainRouteResponse:
    return client.routing.ExplainRoute(ExplainRouteRequest(**fields), **client.options)


def attempts(route: RouteTrace) -> list[tuple[str, str, str]]:
    return [(each.model, each.provider, each.result) for each in route.attempts]


def test_typed_and_json_requests_are_planned_alike(client: Client) -> None:
    """The same request gets the same difficulty and the same models, whichever way it is written."""
    data = b'{"model": "auto", "messages": [{"role": "user", "content": "%b"}]}' % EASY.encode()
    typed = explain(client, chat_request=chat_request("auto", EASY)).route
    json = explain(client, http_body=HttpBody(data=data)).route

    assert typed.HasField("difficulty")
    assert typed.candidates
    assert {each.cause for each in typed.excluded} <= {
        "preference",
        "parameters",
        "capability",
        "health",
        "deadline",
        "rank",
    }
    for field in ("requested_models", "difficulty", "difficulty_score", "difficulty_reasons", "excluded", "attempts"):
        assert getattr(typed, field) == getattr(json, field)
    assert {each.endpoint for each in typed.candidates} == {each.endpoint for each in json.candidates}


def test_why_not(client: Client) -> None:
    """The verdict is there if it was asked for."""
    request = chat_request("good/echo")

    assert explain(client, chat_request=request, why_not="good/echo").why_not.verdict == "candidate"
    assert explain(client, chat_request=request, why_not="cheap/text").why_not.verdict == "not_asked_for"
    assert not explain(client, chat_request=request).HasField("why_not")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT, "messages"),
        ({"chat_request": ChatCompletionRequest(model="auto")}, grpc.StatusCode.INVALID_ARGUMENT, "messages"),
        ({"chat_request": chat_request("good/missing")}, grpc.StatusCode.NOT_FOUND, "model"),
    ],
)
def test_what_a_chat_refuses_is_refused(
    client: Client, fields: dict[str, Any], code: grpc.StatusCode, param: str
) -> None:
    """A request that cannot be planned ends with the chat's status."""
    with pytest.raises(grpc.RpcError) as caught:
        explain(client, **fields)

    refused = refusal(caught.value)
    assert (refused.code, refused.info["param"]) == (code, param)


def test_a_whole_answer_has_its_route(client: Client) -> None:
    """With what was planned and what was tried, and without who was excluded."""
    answer = client.chat.ChatCompletion(
        chat_request("", EASY, models=["other/status-500", "good/echo"]), **client.options
    )

    route = answer.route
    assert list(route.requested_models) == ["other/status-500", "good/echo"]
    assert not route.HasField("difficulty")
    assert [each.endpoint for each in route.candidates] == ["other/status-500", "good/echo"]
    assert attempts(route) == [("other/status-500", "other", "provider_error"), ("good/echo", "good", "ok")]
    assert not route.excluded


def test_a_stream_has_its_route_in_the_first_piece_alone(client: Client) -> None:
    """Also the difficulty, where `auto` chose."""
    call = client.chat.StreamChatCompletion(chat_request("auto", EASY), **client.options)
    header = dict(call.initial_metadata())["x-arouter-route"]
    first, *others = call

    assert header.startswith(f"auto={first.route.difficulty}; ")
    assert attempts(first.route)[-1] == (first.model, first.route.attempts[-1].provider, "ok")
    assert others
    assert not any(piece.HasField("route") for piece in others)


def test_an_error_has_its_route_in_the_trailers(client: Client) -> None:
    """Where no endpoint answers there is no response to carry it."""
    with pytest.raises(grpc.RpcError) as caught:
        client.chat.ChatCompletion(chat_request("other/status-503"), **client.options)

    error: Any = caught.value
    assert dict(error.trailing_metadata())["x-arouter-route"] == "other/status-503=provider_error"
