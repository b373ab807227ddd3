"""`GET /v1/models` and `GET /v1/models/{model}` through the real Envoy."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from emulator import Emulator
from emulator.answers import CREATED
from support.rest import Rest
from support.stack import Stack


def compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def test_the_list_has_exactly_openais_shape(rest: Rest) -> None:
    answer = rest.get("/v1/models")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    listing = answer.json
    assert answer.body == compact({"object": "list", "data": listing["data"]})
    for model in listing["data"]:
        assert list(model) == ["id", "object", "created", "owned_by"]
        assert model["object"] == "model"
        assert type(model["created"]) is int
        assert model["created"] > 0
        assert model["id"].startswith(model["owned_by"] + "/")


def test_a_model_is_listed_as_its_provider_lists_it(rest: Rest) -> None:
    listed = {model["id"]: model for model in rest.get("/v1/models").json["data"]}

    assert compact(listed["emu/text"]) == compact(
        {"id": "emu/text", "object": "model", "created": CREATED, "owned_by": "emu"}
    )


def test_the_list_is_complete_and_sorted(rest: Rest, emulator: Emulator) -> None:
    ids = [model["id"] for model in rest.get("/v1/models").json["data"]]

    names = [f"{provider}/{name}" for provider in ("emu", "hasty") for name in emulator.models]
    assert ids == sorted([*names, "refusing/text", "silent/text"])


@pytest.mark.parametrize(
    "query", ["?limit=3", "?after=x&order=desc", "?view", "?view=basic", "?", "?object=nonsense&data=1"]
)
def test_unknown_query_parameters_are_ignored(rest: Rest, query: str) -> None:
    assert rest.get("/v1/models" + query).body == rest.get("/v1/models").body


@pytest.mark.parametrize("model", ["emu/text", "emu/vendor/echo"])
@pytest.mark.parametrize("written", ["as it is", "with %2F", "with %2f"])
def test_a_model_is_found_however_its_slash_is_written(rest: Rest, model: str, written: str) -> None:
    path = {"as it is": model, "with %2F": quote(model, safe=""), "with %2f": model.replace("/", "%2f")}[written]

    answer = rest.get("/v1/models/" + path)

    assert answer.status == 200
    assert answer.body == compact({"id": model, "object": "model", "created": CREATED, "owned_by": "emu"})


@pytest.mark.parametrize("model", ["emu/missing", "text", "emu/", "missing/text", "EMU/text", "emu/%F0%9F%99%82"])
def test_an_unknown_model_is_not_found(rest: Rest, model: str) -> None:
    answer = rest.get("/v1/models/" + model)

    assert answer.status == 404
    assert answer.error["type"] == "invalid_request_error"


def test_every_listed_id_can_be_called_as_it_stands(rest: Rest, emulator: Emulator) -> None:
    ids = [model["id"] for model in rest.get("/v1/models").json["data"]]
    callable_ids = [id_ for id_ in ids if id_.endswith(("/text", "/vendor/echo")) and id_.startswith(("emu", "hasty"))]

    for id_ in callable_ids:
        answer = rest.chat({"model": id_, "messages": [{"role": "user", "content": "hi"}]})

        assert answer.status == 200
        assert answer.json["model"] == id_
    assert [call.model for call in emulator.calls] == [id_.partition("/")[2] for id_ in callable_ids]


def test_the_list_cannot_be_posted_to(rest: Rest) -> None:
    answer = rest.request("POST", "/v1/models", {})

    assert answer.status in (404, 405)
    assert answer.error["type"] == "invalid_request_error"


def test_the_full_view_adds_details(rest: Rest) -> None:
    basic = {model["id"]: model for model in rest.get("/v1/models").json["data"]}
    full = {model["id"]: model for model in rest.get("/v1/models?view=full").json["data"]}

    assert full.keys() == basic.keys()
    for id_, model in full.items():
        assert {name: value for name, value in model.items() if name != "details"} == basic[id_]
    # What the configuration says of it; see tests/conftest.py.
    assert full["refusing/text"]["details"] == {
        "display_name": "Refusing",
        "context_length": 1000,
        "input_modalities": ["text"],
        "output_modalities": [],
        "supported_parameters": [],
        "pricing": {
            "prompt": "0.00000025",
            "completion": "0.000002",
            "tiers": [{"above": 500, "prompt": "0.0000005", "completion": "0.000004"}],
        },
    }
    assert rest.get("/v1/models/refusing/text?view=full").json == full["refusing/text"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/emu/text"])
def test_an_unknown_view_is_refused(rest: Rest, path: str) -> None:
    answer = rest.get(path + "?view=all")

    assert answer.status == 400
    assert answer.error["param"] == "view"


def test_the_providers_are_listed_with_the_number_of_their_models(rest: Rest, emulator: Emulator) -> None:
    answer = rest.get("/api/v1/providers")

    assert answer.status == 200
    assert [(row["id"], row["name"], row["model_count"]) for row in answer.json["data"]] == [
        ("emu", "emu", len(emulator.models)),
        ("hasty", "hasty", len(emulator.models)),
        ("refusing", "Refusing Inc.", 1),
        ("silent", "silent", 1),
    ]
    # What it is depends on the tests before.
    assert {row["health"] for row in answer.json["data"]} <= {"healthy", "degraded", "unavailable"}


@pytest.mark.parametrize("path", ["/v1/models", "/api/v1/providers"])
def test_no_list_without_a_key(stack: Stack, path: str) -> None:
    with Rest(stack.port) as rest:
        answer = rest.get(path)

    assert answer.status == 401
    assert answer.error["code"] == "invalid_api_key"
