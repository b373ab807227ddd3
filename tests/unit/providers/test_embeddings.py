"""Embeddings on the wires of OpenAI and Google: what is sent, and how responses are read, malformed ones included."""

from __future__ import annotations

import base64
import json
import struct
from contextlib import suppress
from typing import Any

import orjson
import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse
from pydantic import BaseModel, ConfigDict

from arouter.chat.embeddings import EmbeddingRequest, embedding_request
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.embeddings import EmbeddingReader, EmbeddingWire, vector_of
from arouter.providers.gemini.embeddings import GeminiEmbeddings
from arouter.providers.presets import PRESETS

FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = st.lists(st.lists(FLOAT, min_size=1, max_size=5), min_size=1, max_size=4)


class EmbedContentRequest(BaseModel):
    """A request of Google's API. The SDK has types only for its members."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    content: types.Content
    taskType: str | None = None  # noqa: N815
    title: str | None = None
    outputDimensionality: int | None = None  # noqa: N815


class BatchEmbedContentsRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    requests: list[EmbedContentRequest]


def request(value: Any = "a", **members: Any) -> EmbeddingRequest:
    return embedding_request({"model": "p/m", "input": value, **members})


def packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def openai_answer(vectors: list[Any], **members: Any) -> bytes:
    data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(vectors)]
    return json.dumps({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1}, **members}).encode()


def read(reader: EmbeddingReader, body: bytes) -> dict[str, Any]:
    """Returns what a client gets, which OpenAI's own type accepts."""
    answer = orjson.loads(orjson.dumps({**reader.decode(body), "model": "p/m"}))
    answer.setdefault("usage", {})
    answer["usage"] |= {"prompt_tokens": 1, "total_tokens": 1}
    vectors = [each["embedding"] for each in answer["data"]]
    checked = [each if isinstance(each, list) else list(vector_of(json.dumps(each).encode())) for each in vectors]
    data = [{**each, "embedding": vector} for each, vector in zip(answer["data"], checked, strict=True)]
    CreateEmbeddingResponse.model_validate({**answer, "data": data}, strict=True)
    return answer


@given(VECTORS, st.booleans(), st.sampled_from(["float", "base64"]), st.randoms())
def test_any_encoding_becomes_the_one_that_is_wanted(vectors: Any, packs: bool, wanted: Any, random: Any) -> None:
    sent = json.loads(openai_answer([packed(each) if packs else each for each in vectors]))
    random.shuffle(sent["data"])
    answer = read(EmbeddingReader(len(vectors), wanted), json.dumps(sent).encode())

    got = [each["embedding"] for each in answer["data"]]
    assert got == (vectors if wanted == "float" else [packed(each) for each in vectors])
    assert [each["index"] for each in answer["data"]] == list(range(len(vectors)))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_passed_on_as_they_were_written(vector: list[float]) -> None:
    written = json.dumps(vector).encode()
    body = b'{"data": [{"embedding": ' + written + b', "index": 0}], "model": "m"}'
    [item] = EmbeddingReader(1, "float").decode(body)["data"]

    assert orjson.dumps(item["embedding"]) == written


def test_members_of_the_provider_are_kept() -> None:
    answer = read(EmbeddingReader(1, "float"), b"\xef\xbb\xbf" + openai_answer([[1, 2.5e-3]], vendor={"x": None}))

    assert answer["vendor"] == {"x": None}
    assert answer["data"][0]["embedding"] == [1, 0.0025]
    assert read(EmbeddingReader(1, "float"), b'{"data":[{"embedding":[1]}]}')["data"][0]["index"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b'{"data": [{"index": 0, "embedding": [NaN]}]}',
        b'{"object": "list"}',
        b'{"data": {}}',
        b'{"data": []}',
        b'{"data": [[1]]}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 1, "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [ ]}]}',
        b'{"data": [{"index": 0, "embedding": [[1]]}]}',
        b'{"data": [{"index": 0, "embedding": ["1"]}]}',
        b'{"data": [{"index": 0, "embedding": [null]}]}',
        b'{"data": [{"index": 0, "embedding": null}]}',
        b'{"data": [{"index": 0, "embedding": {}}]}',
        b'{"data": [{"index": 0, "embedding": 1}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}',
        b'{"data": [{"index": "0", "embedding": [1]}]}',
        b'{"data": [' + b"{}," * 60_000 + b"{}]}",
        b'{"error": {"message": "emulated", "type": "x"}}',
    ],
)
def test_a_malformed_response_is_the_providers_failure(body: bytes) -> None:
    for wanted in ("float", "base64"):
        with pytest.raises(ProviderError):
            EmbeddingReader(1, wanted).decode(body)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "AAAA", "!!!!", "AACAPw=", "AACA Pw=="])
def test_text_that_is_not_base64_of_floats_is_refused(text: str) -> None:
    with pytest.raises(ProviderError, match="embedding"):
        EmbeddingReader(1, "float").decode(openai_answer([text]))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for reader in (EmbeddingReader(1, "base64"), GeminiEmbeddings().encode(request(), "m").reader):
        assert reader is not None
        with suppress(ProviderError):
            reader.decode(body)


def test_a_request_is_passed_on_with_the_native_name() -> None:
    wire = EmbeddingWire().encode(request(["a"], encoding_format="base64", truncate=1), "native")

    assert (wire.path, wire.dropped, wire.added) == ("/embeddings", (), {"encoding_format"})
    assert json.loads(wire.body or b"") == {
        "model": "native",
        "input": ["a"],
        "encoding_format": "base64",
        "truncate": 1,
    }
    again = EmbeddingWire().encode(request(encoding_format="base64"), "m", without=frozenset({"encoding_format"}))
    assert "encoding_format" not in json.loads(again.body or b"")
    assert EmbeddingWire().encode(request(), "m").added == frozenset()


def test_mistral_gets_its_own_words_and_nothing_else() -> None:
    wire = PRESETS["mistralai"].embeddings
    assert wire is not None
    sent = wire.encode(
        request(dimensions=8, encoding_format="base64", user="u", output_dtype="int8"), "codestral-embed"
    )

    assert json.loads(sent.body or b"") == {
        "model": "codestral-embed",
        "input": "a",
        "encoding_format": "base64",
        "output_dtype": "int8",
        "output_dimension": 8,
    }
    assert sent.dropped == ("user",)


def test_vendors_without_formats_are_not_asked_for_one() -> None:
    for preset in PRESETS.values():
        if preset.embeddings is not None and not preset.embeddings.formats:
            sent = preset.embeddings.encode(request(encoding_format="base64"), "m")
            assert "encoding_format" not in json.loads(sent.body or b"")
            assert sent.dropped == ()


@pytest.mark.parametrize("several", [False, True])
def test_googles_requests_are_what_its_types_accept(several: bool) -> None:
    texts = ["one", "zwei"] if several else "one"
    members = {"dimensions": 8, "task_type": "RETRIEVAL_DOCUMENT", "title": "t", "encoding_format": "base64", "x": 1}
    wire = GeminiEmbeddings().encode(request(texts, **members), "models/gemini-embedding-001")

    method = "batchEmbedContents" if several else "embedContent"
    assert wire.path == f"/v1beta/models/gemini-embedding-001:{method}"
    assert wire.dropped == ("x",)
    body = wire.body or b""
    sent = (
        BatchEmbedContentsRequest.model_validate_json(body).requests
        if several
        else [EmbedContentRequest.model_validate_json(body)]
    )
    assert [each.content.parts[0].text for each in sent if each.content.parts] == (texts if several else [texts])
    for each in sent:
        assert (each.model, each.outputDimensionality) == ("models/gemini-embedding-001", 8)
        assert (each.taskType, each.title) == ("RETRIEVAL_DOCUMENT", "t")


@given(VECTORS, st.sampled_from(["float", "base64"]), st.none() | st.integers(0, 1000))
def test_googles_responses_become_openais(vectors: Any, wanted: Any, tokens: int | None) -> None:
    embeddings = [types.ContentEmbedding(values=each) for each in vectors]
    usage = None if tokens is None else types.UsageMetadata(prompt_token_count=tokens)
    said = types.EmbedContentResponse(embeddings=embeddings, usage_metadata=usage)
    reader = GeminiEmbeddings().encode(request(["x"] * len(vectors), encoding_format=wanted), "m").reader
    assert isinstance(reader, EmbeddingReader)
    answer = reader.decode(said.model_dump_json(by_alias=True, exclude_none=True).encode())

    assert answer.get("usage") == (None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens})
    got = [each["embedding"] for each in orjson.loads(orjson.dumps(answer["data"]))]
    assert got == (vectors if wanted == "float" else [packed(each) for each in vectors])


def test_google_is_not_sent_tokens_or_parameters_of_another_type() -> None:
    for members, param in (({"value": [1, 2]}, "input"), ({"task_type": 1}, "task_type")):
        with pytest.raises(ARouterError) as caught:
            GeminiEmbeddings().encode(request(**members), "m")
        assert (caught.value.failure, caught.value.param) == (Failure.INVALID_REQUEST, param)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"embedding": {}}',
        b'{"embedding": {"values": []}}',
        b'{"embedding": {"values": ["x"]}}',
        b'{"embeddings": [{"values": [1]}, {"values": [1]}]}',
        b'{"error": {"code": 500, "message": "emulated", "status": "INTERNAL"}}',
    ],
)
def test_a_malformed_response_of_google_is_its_failure(body: bytes) -> None:
    reader = GeminiEmbeddings().encode(request(), "m").reader
    assert reader is not None
    with pytest.raises(ProviderError):
        reader.decode(body)


def test_a_text_that_is_too_long_for_llama_cpp_is_the_clients_mistake() -> None:
    message = "input (601 tokens) is too large to process. increase the physical batch size (current batch size: 512)"
    body = json.dumps({"error": {"code": 500, "message": message, "type": "server_error"}}).encode()
    error = EmbeddingReader(1, "float").decode_error(500, body, None)

    assert (error.failure, error.param, error.message) == (
        Failure.CONTEXT_LENGTH_EXCEEDED,
        "input",
        f"A text is too long: {message}",
    )
    assert EmbeddingReader(1, "float").decode_error(500, b"", None).failure is Failure.PROVIDER_ERROR


@given(
    length=st.integers(1, 40),
    asked=st.integers(1, 40),
    wanted=st.sampled_from(["float", "base64"]),
    packs=st.booleans(),
)
def test_vectors_of_another_length_than_asked_are_refused(length: int, asked: int, wanted: Any, packs: bool) -> None:
    vector = [0.5] * length
    packed = base64.b64encode(struct.pack(f"<{length}f", *vector)).decode()
    reader = EmbeddingReader(1, wanted, asked)
    body = openai_answer([packed if packs else vector])
    if length == asked:
        assert len(reader.decode(body)["data"]) == 1
        return
    with pytest.raises(ProviderError, match=str(length)) as refused:
        reader.decode(body)
    assert (refused.value.failure, refused.value.param) == (Failure.INVALID_REQUEST, "dimensions")


def test_null_is_not_sent() -> None:
    nulls = {"dimensions": None, "encoding_format": None, "user": None, "vendor": None}

    wire = EmbeddingWire().encode(embedding_request({"model": "m", "input": "x", **nulls}), "m")

    assert json.loads(wire.body or b"") == {"model": "m", "input": "x", "vendor": None}
