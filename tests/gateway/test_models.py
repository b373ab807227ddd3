"""`GET /v1/models` and `GET /v1/models/{model}` through the real Envoy."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from emulator import Emulator
from emulator.answers import CREATED
from support.rest import Rest


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


@pytest.mark.parametrize("query", ["?limit=3", "?after=x&order=desc", "?view", "?", "?object=nonsense&data=1"])
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
