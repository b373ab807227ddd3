"""`docs/api.md` is true: its requests are sent here, and answered as it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from google.api import annotations_pb2

from arouter.chat.parameters import PARAMETERS
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.request import MAX_BODY_BYTES
from arouter.v1 import (
    account_service_pb2,
    audit_service_pb2,
    chat_service_pb2,
    completion_service_pb2,
    embedding_service_pb2,
    generative_service_pb2,
    key_service_pb2,
    message_service_pb2,
    model_service_pb2,
    provider_service_pb2,
    response_service_pb2,
    routing_service_pb2,
    usage_service_pb2,
)
from emulator import Emulator
from emulator.call import Call
from emulator.embeddings import complete, embed
from emulator.scenarios import status, text
from support.docs import ROOT, blocks
from support.rest import Answer, Rest, events
from support.stack import PROVIDER_KEY, running

PAGE = (ROOT / "docs/api.md").read_text("utf-8")
BLOCKS = blocks("docs/api.md")
SAMPLES = [
    pytest.param(request, kind, answer, id=request.splitlines()[0])
    for (_, request), (kind, answer) in zip(BLOCKS[::2], BLOCKS[1::2], strict=True)
]
MESSAGES = [{"role": "user", "content": "hi"}]
# What the sample of the full view says.
MODEL = {
    "name": "gpt-5.4-mini",
    "display_name": "GPT-5.4 mini",
    "context_length": 400000,
    "max_output_tokens": 128000,
    "input_modalities": ["text", "image"],
    "output_modalities": ["text"],
    "prices": {
        "prompt": 0.75,
        "completion": 4.5,
        "cache_read": 0.075,
        "tiers": [{"above": 272000, "prompt": 1.5, "completion": 6.75}],
    },
}


async def chat_or_text(call: Call) -> web.StreamResponse:
    return await (complete if call.path == "/v1/completions" else text)(call)


@pytest.fixture(scope="module")
def vendors() -> Iterator[Emulator]:
    """The providers of the page, of which one has a model at its limit."""
    with Emulator(
        {
            "gpt-5.4-mini": chat_or_text,
            "llama-3.3-70b-versatile": text,
            "busy": status(429, {"retry-after": "7"}),
            "codestral-embed": embed,
        }
    ) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def door(vendors: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    row = {"base_url": vendors.base_url, "api_keys": [PROVIDER_KEY]}
    config = {
        "providers": [
            {"id": "openai", **row, "models": [MODEL]},
            {"id": "groq", **row, "models": ["llama-3.3-70b-versatile"]},
            {"id": "limited", **row, "models": ["busy"]},
            {"id": "mistralai", **row, "models": ["codestral-embed"]},
            {"id": "self-hosted", **row, "models": ["llama-3.3-70b-versatile"]},
        ]
    }
    with running(tmp_path_factory.mktemp("api"), config) as stack, stack.rest() as rest:
        yield rest


def send(door: Rest, request: str) -> Answer:
    line, _, body = request.partition("\n")
    method, path = line.split()
    return door.request(method, path, json.loads(body) if body.strip() else None)


def in_shape(sample: Any, answer: Any) -> bool:
    """Says whether an answer has every member of the sample, with values of the same types."""
    if isinstance(sample, dict):
        return isinstance(answer, dict) and all(
            name in answer and in_shape(sample[name], answer[name]) for name in sample
        )
    if isinstance(sample, list):
        return isinstance(answer, list) and all(any(in_shape(one, other) for other in answer) for one in sample)
    return type(sample) is type(answer)


def without_created(model: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model.items() if name != "created"}


def test_every_block_is_a_request_or_its_answer() -> None:
    assert {kind for kind, _ in BLOCKS[::2]} == {"http"}
    assert {kind for kind, _ in BLOCKS[1::2]} == {"json", "text"}


@pytest.mark.parametrize(("request_", "kind", "sample"), SAMPLES)
def test_the_samples_have_the_shape_of_real_answers(door: Rest, request_: str, kind: str, sample: str) -> None:
    answer = send(door, request_)

    if kind == "json":
        assert in_shape(json.loads(sample), answer.json), answer.body
        return
    shown, said = list(events(sample.rstrip().encode() + b"\n\n")), list(events(answer.body))
    assert shown.pop() == said.pop() == b"[DONE]"
    seen = iter(json.loads(event) for event in said)
    for event in map(json.loads, shown):  # in the same order; a real stream has more words
        assert any(event.keys() == real.keys() - {"system_fingerprint"} and in_shape(event, real) for real in seen), (
            event
        )
    assert not list(seen)


def test_models_and_providers_are_as_shown(door: Rest) -> None:
    [listed, full, providers] = [
        (request, json.loads(sample)) for request, _, sample in (p.values for p in SAMPLES[:3])
    ]
    models = [without_created(model) for model in send(door, listed[0]).json["data"]]

    assert without_created(listed[1]["data"][0]) in models
    assert all(model.keys() == models[0].keys() for model in models)
    assert without_created(send(door, full[0]).json) == without_created(full[1])
    rows = [
        row for row in send(door, providers[0]).json["data"] if row["id"] not in ("limited", "mistralai", "self-hosted")
    ]
    # What is observed is there only after the chats of other samples.
    assert [{name: row[name] for name in providers[1]["data"][0]} for row in rows] == providers[1]["data"]


def test_a_refused_parameter_is_answered_as_shown(door: Rest) -> None:
    request, _, sample = SAMPLES[-2].values
    answer = send(door, str(request))

    assert answer.status == 400
    assert answer.json == json.loads(str(sample))


SERVICES = (
    account_service_pb2,
    audit_service_pb2,
    chat_service_pb2,
    completion_service_pb2,
    embedding_service_pb2,
    generative_service_pb2,
    key_service_pb2,
    message_service_pb2,
    model_service_pb2,
    provider_service_pb2,
    response_service_pb2,
    routing_service_pb2,
    usage_service_pb2,
)


def test_it_names_every_route() -> None:
    rules = [
        method.GetOptions().Extensions[annotations_pb2.http]
        for file in SERVICES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    bound = [each for rule in rules for each in (rule, *rule.additional_bindings) if each.WhichOneof("pattern")]
    routes = {f"{(verb := each.WhichOneof('pattern')).upper()} {getattr(each, verb)}" for each in bound}

    # Between the gateway and the service alone.
    internal = {"POST /v1/chat/completions:unary", "GET /v1/models:messages", "GET /v1/models/{model=**}:messages"}
    assert internal <= routes
    routes -= internal
    named = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE, re.MULTILINE))
    assert {re.sub(r"{.*}", "{}", route) for route in named} == {
        *(re.sub(r"{.*}", "{}", route) for route in routes),
        "GET /healthz",
    }


def test_it_names_every_header_of_answers(door: Rest) -> None:
    named = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.partition("## Models")[0], re.MULTILINE))
    chat = {"model": "groq/llama-3.3-70b-versatile", "messages": MESSAGES, "logit_bias": {"1": 1}}
    counted = door.request("POST", "/v1/messages/count_tokens", {"model": chat["model"], "messages": MESSAGES})
    answers = [door.get("/v1/models"), door.chat(chat), door.chat({**chat, "model": "limited/busy"}), counted]

    seen = {name for answer in answers for name in answer.headers}
    assert named <= seen
    assert {name for name in seen if name.startswith("x-")} <= named
    assert answers[1].headers["x-arouter-dropped-params"] == "logit_bias"
    assert answers[2].headers["retry-after"] == "7"


def test_no_header_reaches_a_provider(door: Rest, vendors: Emulator) -> None:
    body = {"model": "openai/gpt-5.4-mini", "messages": MESSAGES}
    assert door.chat(body, {"openai-organization": "org-1", "x-mine": "1", "content-type": "text/plain"}).status == 200

    assert not {"openai-organization", "x-mine", "x-request-id"} & {name.lower() for name in vendors.calls[-1].headers}


def test_what_speaks_to_the_router_is_named_and_goes_no_further(door: Rest, vendors: Emulator) -> None:
    preferences = {
        "models": ["openai/gpt-5.4"],
        "route": "fallback",
        "plugins": [{"id": "web"}],
        "provider": {"order": ["openai"], "region": "eu"},
        "transforms": ["middle-out"],
    }
    body = {"model": "openai/gpt-5.4-mini", "messages": MESSAGES, **preferences}
    dropped = door.chat(body).headers["x-arouter-dropped-params"]

    section = PAGE.partition("## Router fields")[2].partition("\n## ")[0]
    assert preferences.keys() == set(ROUTER_FIELDS)
    assert all(f"`{name}`" in section for name in ROUTER_FIELDS)
    assert set(dropped.split(", ")) == {"plugins", "transforms", "provider.region"}
    assert vendors.calls[-1].json.keys() == {"model", "messages"}


def test_the_fields_beyond_openais_are_understood(door: Rest, vendors: Emulator) -> None:
    section = PAGE.partition("## Fields beyond OpenAI's")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    extensions = sorted(name for name, row in PARAMETERS.items() if row.extension)
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == extensions
    [reasoning] = re.findall(r"`({.*})`", section)
    sent = {"top_k": -1, "min_p": 0, "top_a": 1, "repetition_penalty": 2, "include_reasoning": True}
    sent["reasoning"] = json.loads(reasoning)

    assert door.chat({"model": "self-hosted/llama-3.3-70b-versatile", "messages": MESSAGES, **sent}).status == 200
    assert {name: vendors.calls[-1].json[name] for name in extensions} == sent


@pytest.mark.parametrize("wrong", [{"top_k": -2}, {"min_p": 1.1}, {"top_a": -1}, {"repetition_penalty": 0}])
def test_the_fields_beyond_openais_are_checked(door: Rest, wrong: dict[str, Any]) -> None:
    answer = door.chat({"model": "openai/gpt-5.4-mini", "messages": MESSAGES, **wrong})

    assert answer.status == 400
    assert answer.error["param"] == next(iter(wrong))


def test_the_limit_is_the_one_that_holds() -> None:
    assert f"{MAX_BODY_BYTES:,} bytes" in PAGE
