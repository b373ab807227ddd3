"""Golden files: what goes over the wire, and what it is in canonical form, case by case.

A case is a folder of `tests/wire/anthropic`:

    model.txt              the native model name
    request.openai.json    the client's request     request.wire.json     what Anthropic gets
    request.dropped.json   what it does not get
    response.wire.json     Anthropic's answer       response.openai.json  the completion
    stream.wire.txt        the same answer streamed stream.openai.jsonl   its chunks, then an error if there is one
    error.wire.json        an error answer          error.openai.json     what the client sees
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.types import Message
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from arouter.chat.chunks import is_meaningful
from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError, ProviderError
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.sse import SseParser
from judges.anthropic import event, faults

ADAPTER = AnthropicAdapter()
WIRE = Path(__file__).parents[3] / "wire" / "anthropic"


def cases(file: str) -> Any:
    """Marks a test to run on every case that has `file`."""
    found = sorted(path.parent for path in WIRE.glob(f"*/{file}"))
    assert found
    return pytest.mark.parametrize("case", found, ids=lambda case: case.name)


def read(case: Path, file: str) -> Any:
    return orjson.loads((case / file).read_bytes())


def as_client_sees(error: ARouterError) -> dict[str, Any]:
    return {"status": error.failure.http_status, **error.envelope()}


def decode(*received: bytes) -> list[dict[str, Any]]:
    """Decodes a stream that comes in these pieces; an error is the last item."""
    parser, decoder = SseParser(1 << 20), ADAPTER.stream_decoder()
    decoded: list[dict[str, Any]] = []
    try:
        for piece in received:
            for each in parser.feed(piece):
                decoded += decoder.feed(each)
        decoded += decoder.finish()
    except ProviderError as error:
        decoded.append(as_client_sees(error))
    return decoded


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Returns a message without nulls, and with a call's arguments as what they say: their spaces are the sender's."""
    kept = {field: value for field, value in message.items() if value is not None}
    for call in kept.get("tool_calls", []):
        call.pop("index", None)
        call["function"]["arguments"] = orjson.loads(call["function"]["arguments"])
    return kept


@cases("request.wire.json")
def test_encodes_a_request(case: Path) -> None:
    body = read(case, "request.openai.json")
    check_body(body)
    untouched = orjson.dumps(body)
    model = (case / "model.txt").read_text().strip()

    wire = ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), model)

    sent = orjson.loads(wire.body)
    assert wire.path == "/v1/messages"
    assert sent == read(case, "request.wire.json")
    assert list(wire.dropped) == read(case, "request.dropped.json")
    assert faults(sent) == []
    assert orjson.dumps(body) == untouched
    streamed = ADAPTER.encode(ChatRequest(body, stream=True, include_usage=False), model)
    assert orjson.loads(streamed.body) == {**sent, "stream": True}


@cases("response.wire.json")
def test_decodes_an_answer(case: Path) -> None:
    answer = (case / "response.wire.json").read_bytes()
    Message.model_validate(orjson.loads(answer), strict=True)

    completion = ADAPTER.decode(answer)

    assert completion == read(case, "response.openai.json")
    message = completion["choices"][0]["message"]
    # OpenAI has no type for a citation of a document.
    cited = [each for each in message.get("annotations", []) if each["type"] != "file_citation"]
    ChatCompletion.model_validate(
        {
            **completion,
            "created": 1,
            "choices": [{**completion["choices"][0], "message": {**message, "annotations": cited}}],
        }
    )


@cases("stream.wire.txt")
def test_decodes_a_stream(case: Path) -> None:
    received = (case / "stream.wire.txt").read_bytes()
    for each in SseParser(1 << 20).feed(received):
        data = orjson.loads(each.data)
        if data["type"] not in ("ping", "error"):
            event(data)

    decoded = decode(received)

    assert decoded == [orjson.loads(line) for line in (case / "stream.openai.jsonl").read_bytes().splitlines()]
    for chunk in decoded:
        if "choices" in chunk:
            ChatCompletionChunk.model_validate({**chunk, "created": 1})


@cases("stream.wire.txt")
def test_decodes_a_stream_wherever_it_is_split(case: Path) -> None:
    received = (case / "stream.wire.txt").read_bytes()
    whole = decode(received)

    for at in range(len(received)):
        assert decode(received[:at], received[at:]) == whole
    assert decode(*(bytes([byte]) for byte in received)) == whole


@cases("stream.wire.txt")
def test_a_stream_that_is_cut_is_an_error(case: Path) -> None:
    received = (case / "stream.wire.txt").read_bytes()

    for end in ("event: message_delta", "event: message_stop", "event: content_block_start"):
        before, _, rest = received.partition(end.encode())
        if rest:
            assert decode(before)[-1]["error"]["code"] == "provider_bad_response"


@cases("response.openai.json")
def test_streamed_chunks_add_up_to_the_whole_answer(case: Path) -> None:
    whole = read(case, "response.openai.json")
    chunks = decode((case / "stream.wire.txt").read_bytes())
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()

    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate({**chunk, "created": 1}))
    # Not `get_final_completion`, which raises where the answer was cut or refused.
    final = state.current_completion_snapshot

    choice = whole["choices"][0]
    streamed = final.choices[0].message.to_dict(exclude_none=True)
    for call in streamed.get("tool_calls", []):
        call["function"].pop("parsed_arguments", None)
    assert comparable(streamed) == comparable(choice["message"])
    assert final.choices[0].finish_reason == choice["finish_reason"]
    assert final.usage is not None
    assert final.usage.to_dict() == whole["usage"]
    assert chunks[-1]["choices"] == []
    assert not is_meaningful(chunks[0])


@cases("error.wire.json")
def test_decodes_an_error(case: Path) -> None:
    error = read(case, "error.wire.json")
    seen = read(case, "error.openai.json")

    assert as_client_sees(ADAPTER.decode_error(error["status"], orjson.dumps(error["body"]), None)) == seen
    with pytest.raises(ProviderError) as caught:
        ADAPTER.decode(orjson.dumps(error["body"]))
    assert as_client_sees(caught.value) == seen
    assert decode((case / "stream.wire.txt").read_bytes())[-1] == seen
