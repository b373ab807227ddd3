"""The golden cases of `tests/wire/gemini/`, each file against what the adapter makes of its neighbour."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError
from unit.providers.gemini.wire import ADAPTER, cases_with, decode_stream, events_of, load, read

from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ProviderError
from judges.gemini import read_request, read_response, write_response
from judges.openai import added_up, said_by

STREAMS = cases_with("stream.wire.txt")
BROKEN = {"malformed_function_call", "stream_cut", "stream_error"}


def encode(case: str) -> tuple[dict[str, Any], Any]:
    body = load(case, "request.openai.json")
    check_body(body)
    return body, ADAPTER.encode(
        ChatRequest(body, stream=body.get("stream") is True, include_usage=False), body["model"]
    )


def as_google_writes(event: bytes) -> bytes:
    document = orjson.loads(event)
    return event if "error" in document else write_response(read_response(document))


@pytest.mark.parametrize("case", cases_with("request.openai.json"))
def test_encodes_the_request(case: str) -> None:
    body, wire = encode(case)

    assert orjson.loads(wire.body) == load(case, "request.wire.json")
    assert {"path": wire.path, "dropped": list(wire.dropped)} == load(case, "request.expected.json")
    assert body == load(case, "request.openai.json")


@pytest.mark.parametrize("case", cases_with("request.wire.json"))
def test_what_is_sent_is_what_googles_sdk_knows(case: str) -> None:
    read_request(encode(case)[1].body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"contents": [], "unknown": 1},
        {"contents": [{"role": "user", "parts": [{"text": 5}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "x", "signature": "AA=="}]}]},
        {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "?"}}]}]},
        {"contents": [], "generationConfig": {"maxTokens": 5}},
        {"contents": [], "generationConfig": {"temperature": "hot"}},
        {"contents": [], "tools": [{"functions": []}]},
    ],
)
def test_googles_sdk_would_notice_a_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read_request(orjson.dumps(wrong))


def test_a_schema_keeps_the_order_of_its_keys() -> None:
    wire = encode("structured_output")[1].body

    assert wire.index(b'"zeta"') < wire.index(b'"alpha"') < wire.index(b'"$defs"')


@pytest.mark.parametrize("case", cases_with("response.wire.json"))
def test_decodes_the_answer(case: str) -> None:
    answer = read(case, "response.wire.json")
    # As it is in the file, and as Google's own type would write it.
    for body in (answer, write_response(read_response(orjson.loads(answer)))):
        try:
            decoded = ADAPTER.decode(body)
        except ProviderError as error:
            decoded = error.envelope()

        assert decoded == load(case, "response.openai.json")


@pytest.mark.parametrize("case", STREAMS)
def test_decodes_the_stream(case: str) -> None:
    stream = read(case, "stream.wire.txt")
    rewritten = b"".join(b"data: %b\n\n" % as_google_writes(event.data) for event in events_of(stream))
    chunks = [orjson.loads(line) for line in read(case, "stream.openai.jsonl").splitlines()]

    assert decode_stream([stream]) == chunks
    assert decode_stream([rewritten]) == chunks
    assert ("error" in chunks[-1]) == (case in BROKEN)


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_may_be_cut_anywhere(case: str) -> None:
    stream = read(case, "stream.wire.txt")
    whole = decode_stream([stream])

    assert decode_stream([bytes([byte]) for byte in stream]) == whole
    for place in range(1, len(stream)):
        assert decode_stream([stream[:place], stream[place:]]) == whole


@pytest.mark.parametrize("case", sorted(set(STREAMS) & set(cases_with("response.wire.json")) - BROKEN))
def test_a_stream_adds_up_to_the_whole_answer(case: str) -> None:
    whole = ADAPTER.decode(read(case, "response.wire.json"))

    assert added_up(decode_stream([read(case, "stream.wire.txt")])) == said_by(whole)


@pytest.mark.parametrize("case", ["image_out", "parallel_tool_calls", "reasoning", "tool_call"])
def test_what_was_signed_goes_back_signed(case: str) -> None:
    answer = load(case, "response.wire.json")
    message = ADAPTER.decode(orjson.dumps(answer))["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in message.get("tool_calls", ())]
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}, message, *results]}

    sent = orjson.loads(ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), "gemini-3.6-flash").body)

    def signed(content: Any) -> list[Any]:
        return [
            (part["thoughtSignature"], part.get("functionCall", {}).get("name"), part.get("inlineData"))
            for part in content["parts"]
            if "thoughtSignature" in part
        ]

    assert signed(sent["contents"][1]) == signed(answer["candidates"][0]["content"]) != []


@pytest.mark.parametrize("case", cases_with("error.wire.json"))
def test_decodes_the_error(case: str) -> None:
    wire = load(case, "error.wire.json")

    error = ADAPTER.decode_error(wire["status"], orjson.dumps(wire["body"]), None)

    assert {
        "status": error.failure.http_status,
        "retry_after": error.retry_after,
        "body": error.envelope(),
    } == load(case, "error.openai.json")


@pytest.mark.parametrize("case", cases_with("error.wire.json"))
def test_an_error_that_comes_with_200_means_the_same(case: str) -> None:
    document = load(case, "error.wire.json")["body"]
    if isinstance(document, list):
        document = document[0]
    told = load(case, "error.openai.json")["body"]

    with pytest.raises(ProviderError) as whole:
        ADAPTER.decode(orjson.dumps(document))
    streamed = decode_stream([b"data: " + orjson.dumps(document) + b"\n\n"])

    assert whole.value.envelope() == told
    assert streamed == [told]
