"""Embeddings through the gateway: OpenAI's SDK and the typed RPC, on the wires of OpenAI and Google."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import openai
import pytest
from google.api.httpbody_pb2 import HttpBody

from arouter.v1.embedding_service_pb2 import CreateEmbeddingsRequest, CreateJsonEmbeddingsRequest, TokenList
from arouter.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from arouter.v1.model_service_pb2 import ListModelsRequest
from arouter.v1.model_service_pb2_grpc import ModelServiceStub
from emulator import Emulator
from emulator.embeddings import TOKENS, vector
from support.keys import add_key
from support.ledger import records_of
from support.log import chat
from support.rest import Answer, Rest
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import refusal

PATH = "/v1/embeddings"
TEXTS = ["one", "zwei", "三"]
GOOGLE = ["gemini-embedding-001", "gemini-3.5-flash"]
FIRST: Any = {"provider": {"order": ["emu"]}}
PIPELINE_FAILURES = {"embed-few", "embed-words", "embed-nested", "embed-not-base64", "embed-no-data", "embed-deep"}


@pytest.fixture
def stack(embedding: Stack) -> Stack:
    return embedding


@pytest.fixture
def client(stack: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0) as client:
        yield client


@pytest.fixture
def typed(stack: Stack) -> Iterator[EmbeddingServiceStub]:
    with stack.channel() as channel:
        yield EmbeddingServiceStub(channel)


def post(stack: Stack, body: Any, path: str = PATH, key: str | None = None) -> Answer:
    with Rest(stack.port, key or stack.key) as rest:
        return rest.request("POST", path, body)


@pytest.mark.parametrize("model", ["embed", "embed-floats", "embed-no-format", "embed-base64", "embed-shuffled"])
@pytest.mark.parametrize("encoding", [openai.omit, "float", "base64"])
def test_the_sdk_gets_the_vectors_in_order_in_any_encoding(client: openai.OpenAI, model: str, encoding: Any) -> None:
    answer = client.embeddings.create(model=f"emu/{model}", input=TEXTS, encoding_format=encoding)

    assert (answer.object, answer.model) == ("list", f"emu/{model}")
    assert [(each.index, each.object) for each in answer.data] == [(0, "embedding"), (1, "embedding"), (2, "embedding")]
    if encoding != "base64":
        assert [each.embedding for each in answer.data] == [vector(text) for text in TEXTS]
    else:
        assert [type(each.embedding) for each in answer.data] == [str, str, str]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (TOKENS, TOKENS)
    assert answer.usage.to_dict()["cost"] == pytest.approx(TOKENS * 2 / 1e6)


async def test_the_asynchronous_sdk_sends_what_it_is_given(stack: Stack, embedder: Emulator) -> None:
    async with openai.AsyncOpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0) as client:
        answer = await client.embeddings.create(
            model="emu/embed", input="one", dimensions=4, user="u", extra_body={"truncate": "END"}
        )

    assert answer.data[0].embedding == vector("one", 4)
    [call] = embedder.calls
    assert call.json == {
        "input": "one",
        "model": "embed",
        "encoding_format": "base64",
        "dimensions": 4,
        "user": "u",
        "truncate": "END",
    }


def test_floats_are_the_providers_own_bytes(stack: Stack, embedder: Emulator) -> None:
    answer = post(stack, {"model": "emu/embed-extra", "input": [[1, 2], [3]]})

    assert list(answer.json) == ["object", "data", "model", "usage", "vendor"]
    for tokens in ([1, 2], [3]):
        assert json.dumps(vector(tokens), separators=(",", ":")).encode() in answer.body
    assert answer.headers["x-arouter-provider"] == "emu"
    assert answer.headers["x-arouter-route"] == "emu/embed-extra=ok"
    assert embedder.calls[0].json["input"] == [[1, 2], [3]]


def test_a_typed_request_reaches_the_provider_as_the_same_json(
    stack: Stack, typed: EmbeddingServiceStub, embedder: Emulator
) -> None:
    common = {"model": "emu/embed", "dimensions": 4, "user": "u"}
    for body, fields in (
        ({"input": TEXTS}, {"input": TEXTS}),
        ({"input": [[1, 2], [3]]}, {"token_input": [TokenList(tokens=[1, 2]), TokenList(tokens=[3])]}),
    ):
        rest = post(stack, {**common, **body, "encoding_format": "base64", "truncate": "END"})
        request = CreateEmbeddingsRequest(**common, **fields, extra_body='{"truncate": "END"}')
        answer = typed.CreateEmbeddings(request, metadata=stack.metadata, timeout=20)

        first, second = embedder.calls
        assert first.json == second.json
        assert [list(each.embedding) for each in answer.data] == [vector(text, 4) for text in body["input"]]
        assert [each.index for each in answer.data] == list(range(len(body["input"])))
        assert (answer.model, answer.usage.prompt_tokens) == ("emu/embed", rest.json["usage"]["prompt_tokens"])
        assert answer.usage.cost == rest.json["usage"]["cost"]
        assert [each.provider for each in answer.route.attempts] == ["emu"]
        embedder.forget()


def test_only_endpoints_of_the_same_model_are_fallbacks(stack: Stack, client: openai.OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model="acme/embed", input="one", extra_body=FIRST)

    assert raw.headers["x-arouter-route"].endswith("emu/embed-status-500=provider_error, other/embed=ok")
    assert raw.parse().model == "acme/embed"
    with pytest.raises(openai.BadRequestError, match="emulated failure 400"):
        client.embeddings.create(model="acme/refused", input="one", extra_body=FIRST)
    with pytest.raises(openai.BadRequestError, match="no fallback to another one") as caught:
        client.embeddings.create(model="emu/embed", input="one", extra_body={"models": ["other/embed"]})
    assert caught.value.param == "models"


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("auto", 404, "These models do: 'acme/embed', 'acme/recorded', "),
        ("emu/complete", 400, "creates no embeddings. These models do: 'acme/embed'"),
        ("claude-opus-4-8", 404, "These models do"),
        ("emu/embed:floor", 404, "These models do"),
        ("emu/missing", 404, "does not exist"),
    ],
)
def test_other_models_are_refused_with_the_names_of_those_that_embed(
    stack: Stack, model: str, status: int, words: str
) -> None:
    answer = post(stack, {"model": model, "input": "one"})

    assert (answer.status, answer.error["param"]) == (status, "model")
    assert words in answer.error["message"]


def test_a_model_for_embeddings_does_not_chat(stack: Stack) -> None:
    with stack.rest() as rest:
        answer = rest.chat({"model": "emu/embed", "messages": [{"role": "user", "content": "hi"}]})

    assert (answer.status, answer.error["param"]) == (400, "model")
    assert "/v1/embeddings" in answer.error["message"]


def test_models_are_listed_by_what_they_generate(stack: Stack) -> None:
    def listed(query: str) -> list[str]:
        with stack.rest() as rest:
            return [each["id"] for each in rest.get(f"/v1/models{query}").json["data"]]

    def typed(modalities: str) -> list[str]:
        with stack.channel() as channel:
            request = ListModelsRequest(output_modalities=modalities)
            return [each.id for each in ModelServiceStub(channel).ListModels(request, metadata=stack.metadata).data]

    chat, embeddings = listed(""), listed("?output_modalities=embeddings")
    assert {"emu/complete", "google/gemini-3.5-flash", "anthropic/claude-opus-4-8"} <= set(chat)
    assert {"acme/embed", "emu/embed", "google/gemini-embedding-001"} <= set(embeddings)
    assert not set(chat) & set(embeddings)
    assert listed("?output_modalities=text") == chat
    assert listed("?output_modalities=all") == listed("?output_modalities=embeddings,text") == sorted(chat + embeddings)
    assert (typed(""), typed("embeddings"), typed("all")) == (chat, embeddings, sorted(chat + embeddings))
    with stack.rest() as rest:
        assert rest.get("/v1/models?output_modalities=smells").error["param"] == "output_modalities"
        details = rest.get("/v1/models/emu/embed?view=full").json["details"]
    assert (details["input_modalities"], details["output_modalities"]) == (["text"], ["embeddings"])


def test_a_call_is_recorded_priced_and_reported(stack: Stack, client: openai.OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model="acme/recorded", input=TEXTS, extra_body=FIRST)
    client.embeddings.create(model="emu/embed-no-usage", input="x" * 400)

    failed, served = records_of(stack, 2, "acme/recorded")
    assert (failed["status"], failed["provider"], failed["cost_nanos"]) == ("failed", "emu", 0)
    assert (served["status"], served["provider"], served["prompt_tokens"]) == ("ok", "other", TOKENS)
    assert (served["completion_tokens"], served["estimated"]) == (0, 0)
    [estimated] = records_of(stack, 1, "emu/embed-no-usage")
    assert (estimated["estimated"], estimated["prompt_tokens"], estimated["cost_nanos"]) == (1, 100, 200_000)
    line = chat(stack.process, raw.headers["x-request-id"], "embeddings")
    assert (line["model"], line["status"], line["prompt_tokens"]) == ("acme/recorded", "ok", TOKENS)


def test_the_limits_of_a_key_apply(stack: Stack) -> None:
    rates = add_key(stack.folder / "state", requests_per_minute=2)
    spending = add_key(stack.folder / "state", limit_nanos=1)
    for key in (rates, spending):
        with Rest(stack.port, key) as rest:
            stack.process.wait_until(lambda rest=rest: rest.get("/v1/models").status == 200, "the key is known")
    body = {"model": "emu/embed", "input": "one"}

    answers = [post(stack, body, key=rates) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert int(answers[2].headers["retry-after"]) >= 1
    assert [post(stack, body, key=spending).status for _ in range(2)][-1] == 402


def test_an_endpoint_that_fails_is_left_alone(embedder: Emulator, tmp_path: Path) -> None:
    rows = [{"id": id_, "base_url": embedder.base_url, "api_keys": [PROVIDER_KEY]} for id_ in ("broken", "sound")]
    model = {"id": "acme/embed", "endpoints": ["broken/embed-status-500", "sound/embed"]}
    config = {"providers": rows, "models": [model], "routing": {"breaker": {"failures": 2}}}
    body = {"model": "acme/embed", "input": "one", "provider": {"order": ["broken"]}}
    with running(tmp_path, config) as stack:
        routes = [post(stack, body).headers["x-arouter-route"] for _ in range(3)]
        with stack.rest() as rest:
            health = {row["id"]: row["health"] for row in rest.get("/api/v1/providers").json["data"]}

    failed, served = "broken/embed-status-500=provider_error", "sound/embed=ok"
    assert routes == [f"{failed}, {served}", f"{failed}, {served}", served]
    assert health == {"broken": "unavailable", "sound": "healthy"}


@pytest.mark.parametrize("name", sorted(PIPELINE_FAILURES))
def test_a_response_that_is_none_is_a_failure_of_the_provider(stack: Stack, name: str) -> None:
    answer = post(stack, {"model": f"emu/{name}", "input": "one"})

    assert (answer.status, answer.error["code"]) == (502, "provider_bad_response")


@pytest.mark.parametrize(("name", "status"), [("status-429", 429), ("status-401", 502), ("too-long", 400)])
def test_failures_of_a_provider_have_the_statuses_of_chat(stack: Stack, name: str, status: int) -> None:
    answer = post(stack, {"model": f"emu/embed-{name}", "input": "one"})

    assert answer.status == status
    assert answer.headers.get("retry-after") == ("17" if status == 429 else None)


def test_a_client_that_leaves_ends_the_providers_call(stack: Stack, embedder: Emulator) -> None:
    with stack.rest() as rest:
        rest.send("POST", PATH, {"model": "emu/embed-gated", "input": "one", "user": "rest"})
        embedder.call("rest")
        rest.vanish()
    assert embedder.call("rest").disconnected.wait(10)

    with stack.channel() as channel:
        request = CreateEmbeddingsRequest(model="emu/embed-gated", input=["one"], user="grpc")
        call = EmbeddingServiceStub(channel).CreateEmbeddings.future(request, metadata=stack.metadata)
        embedder.call("grpc")
        call.cancel()
        assert embedder.call("grpc").disconnected.wait(10)

        late = CreateEmbeddingsRequest(model="emu/embed-gated", input=["one"], user="late")
        with pytest.raises(grpc.RpcError) as caught:
            EmbeddingServiceStub(channel).CreateEmbeddings(late, metadata=stack.metadata, timeout=0.5)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert embedder.call("late").disconnected.wait(10)


def test_typed_errors_have_typed_paths(stack: Stack, typed: EmbeddingServiceStub) -> None:
    for fields, path in (
        ({"input": ["a", ""]}, "input[1]"),
        ({"token_input": [TokenList(tokens=[1]), TokenList()]}, "token_input[1].tokens"),
        ({"input": ["a"], "token_input": [TokenList(tokens=[1])]}, "token_input"),
        ({"input": ["a"], "dimensions": 0}, "dimensions"),
        ({"input": ["a"], "extra_body": '{"encoding_format": "float"}'}, "extra_body"),
        ({}, "input"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            typed.CreateEmbeddings(CreateEmbeddingsRequest(model="emu/embed", **fields), metadata=stack.metadata)
        assert refusal(caught.value)[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert refusal(caught.value).info["param"] == path

    raw = CreateJsonEmbeddingsRequest(http_body=HttpBody(data=b'{"model": "emu/embed", "input": "one"}'))
    answer = typed.CreateJsonEmbeddings(raw, metadata=stack.metadata)
    assert json.loads(answer.data)["data"][0]["embedding"] == vector("one")


@pytest.mark.parametrize("several", [False, True])
def test_google_is_asked_in_its_own_words(
    stack: Stack, client: openai.OpenAI, embedder: Emulator, several: bool
) -> None:
    raw = client.embeddings.with_raw_response.create(
        model="google/gemini-embedding-001",
        input=TEXTS if several else TEXTS[0],
        dimensions=4,
        user="u",
        extra_body={"task_type": "RETRIEVAL_QUERY"},
    )

    answer = raw.parse()
    texts = TEXTS if several else TEXTS[:1]
    assert [each.embedding for each in answer.data] == [vector(text, 4) for text in texts]
    assert answer.usage.to_dict()["estimated"] is True
    assert raw.headers["x-arouter-dropped-params"] == "user"
    [call] = embedder.calls
    method = "batchEmbedContents" if several else "embedContent"
    assert call.path == f"/v1beta/models/gemini-embedding-001:{method}"
    assert call.headers["x-goog-api-key"] == PROVIDER_KEY


def test_google_takes_no_tokens(stack: Stack) -> None:
    answer = post(stack, {"model": "google/gemini-embedding-001", "input": [1, 2]})

    assert (answer.status, answer.error["param"]) == (400, "input")
