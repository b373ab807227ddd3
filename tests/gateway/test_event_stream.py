"""What a streamed answer looks like on the wire, whatever the provider's own looked like."""

from __future__ import annotations

import json

import pytest

from emulator import Emulator
from emulator.answers import TEXT, USAGE
from emulator.scenarios import MEGABYTE
from support.rest import Rest, events


def body(model: str, **fields: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True, **fields}


def said(chunks: list[dict]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


ODDLY_SENT = ["text", "bytewise", "one-packet", "pings", "bom", "crlf", "cr", "no-space"]


@pytest.mark.parametrize("scenario", ODDLY_SENT)
def test_every_way_of_sending_a_stream_is_understood(rest: Rest, scenario: str) -> None:
    answer = rest.chat(body(f"emu/{scenario}"))

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    *documents, end = events(answer.body)
    chunks = [json.loads(document) for document in documents]
    assert end == b"[DONE]"
    assert said(chunks) == TEXT
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]


def test_a_chunk_says_who_answered_in_our_words(rest: Rest) -> None:
    *documents, _ = events(rest.chat(body("emu/text")).body)

    for chunk in map(json.loads, documents):
        assert chunk["object"] == "chat.completion.chunk"
        assert chunk["model"] == "emu/text"
        assert chunk["id"].startswith("gen-")
        assert chunk["system_fingerprint"] == "fp_emulated"
        assert "usage" not in chunk


def test_usage_is_asked_of_the_provider_even_when_the_client_does_not_want_it(rest: Rest, emulator: Emulator) -> None:
    *documents, _ = events(rest.chat(body("emu/text")).body)

    assert emulator.calls[-1].wants_usage
    assert [json.loads(document) for document in documents if b'"usage"' in document] == []


@pytest.mark.parametrize("options", [{"include_usage": False}, {}, None])
def test_usage_is_left_out_unless_it_is_asked_for(rest: Rest, options: object) -> None:
    *documents, _ = events(rest.chat(body("emu/text", stream_options=options)).body)

    assert all(json.loads(document)["choices"] for document in documents)


def test_usage_comes_last_and_once(rest: Rest) -> None:
    *documents, end = events(rest.chat(body("emu/text", stream_options={"include_usage": True})).body)

    *chunks, last = map(json.loads, documents)
    assert end == b"[DONE]"
    assert last["choices"] == []
    assert last["usage"] == USAGE.model_dump(exclude_unset=True)
    assert last["id"] == chunks[0]["id"]
    assert [chunk for chunk in chunks if chunk.get("usage") is not None] == []


def test_a_single_event_of_a_megabyte_arrives_whole(rest: Rest) -> None:
    answer = rest.chat(body("emu/1mb"))

    *documents, end = events(answer.body)
    assert end == b"[DONE]"
    assert said([json.loads(document) for document in documents]) == "x" * MEGABYTE


def test_the_first_words_arrive_while_the_provider_is_still_writing(rest: Rest, emulator: Emulator) -> None:
    response = rest.open("POST", "/v1/chat/completions", body("emu/gated", user="first words"))

    received = b""
    while b"Hello" not in received:
        received += response.readline()
    emulator.call("first words").release()

    assert response.read().endswith(b"data: [DONE]\n\n")


def test_an_answer_that_is_not_streamed_is_one_document(rest: Rest) -> None:
    answer = rest.chat(body("emu/text") | {"stream": False})

    assert answer.headers["content-type"] == "application/json"
    assert answer.json["choices"][0]["message"]["content"] == TEXT
    assert answer.json["model"] == "emu/text"
    assert answer.json["usage"] == USAGE.model_dump(exclude_unset=True)


def test_a_big_answer_that_is_not_streamed_arrives_whole(rest: Rest) -> None:
    answer = rest.chat(body("emu/11mb") | {"stream": False})

    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "x" * (11 * MEGABYTE)


@pytest.mark.parametrize("stream", [False, True])
def test_no_header_of_grpc_shows(rest: Rest, stream: bool) -> None:
    answer = rest.chat(body("emu/text") | {"stream": stream})

    assert [name for name in answer.headers if name.startswith(("grpc-", "x-envoy-")) or name == "trailer"] == []
    assert answer.headers["x-request-id"]
