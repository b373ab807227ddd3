"""Streams of the Responses API give what the whole response does, also where events are missing."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arouter.errors import Failure, ProviderError
from arouter.providers.responses.reader import ResponsesReader
from arouter.providers.sse import ServerSentEvent, SseParser
from judges import openai as judge
from matrix.cases import CASES
from matrix.conversation import Said
from matrix.responses import stream, whole

JsonObject = dict[str, Any]

READER = ResponsesReader()
SAID = {name: case.answer for name, case in CASES.items() if isinstance(case.answer, Said)}


def decode(events: list[bytes]) -> list[JsonObject]:
    decoder, parser = READER.stream_decoder(), SseParser(1_000_000)
    chunks = [chunk for piece in events for event in parser.feed(piece) for chunk in decoder.feed(event)]
    return chunks + decoder.finish()


def without(events: list[bytes], *kinds: str) -> list[bytes]:
    return [event for event in events if not any(f"event: {kind}\n".encode() in event for kind in kinds)]


@pytest.mark.parametrize("name", SAID)
def test_a_stream_adds_up_to_the_whole(name: str) -> None:
    expected = judge.said_by(READER.decode(orjson.dumps(whole("m", SAID[name]))))

    assert judge.added_up(decode(stream("m", SAID[name]))) == expected


DELTAS = tuple(
    f"response.{name}.delta" for name in ("output_text", "refusal", "function_call_arguments", "reasoning_summary_text")
)
PARTS = ("response.output_text.done", "response.refusal.done", "response.function_call_arguments.done")
MISSING = {
    "no deltas": DELTAS,
    "items alone": (*DELTAS, *PARTS, "response.output_item.added"),
    "the end alone": (*DELTAS, *PARTS, "response.output_item.added", "response.output_item.done"),
    "no beginning": ("response.created", "response.in_progress"),
    "no ends of items": ("response.output_item.done",),
}


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("name", ["text", "two_parallel_tool_calls", "refusal"])
def test_events_that_a_server_leaves_out(name: str, missing: str) -> None:
    expected = judge.said_by(READER.decode(orjson.dumps(whole("m", SAID[name]))))

    added_up = judge.added_up(decode(without(stream("m", SAID[name]), *MISSING[missing])))
    assert (added_up["choices"], added_up["usage"]) == (expected["choices"], expected["usage"])


@settings(max_examples=40)
@given(st.data())
def test_every_cut_of_the_bytes_gives_the_same(data: st.DataObject) -> None:
    events = stream("m", SAID["two_parallel_tool_calls"])
    text = b"".join(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert decode(pieces) == decode(events)


def test_a_stream_that_ends_early_is_truncated() -> None:
    with pytest.raises(ProviderError) as raised:
        decode(stream("m", SAID["text"])[:-1])

    assert raised.value.failure is Failure.PROVIDER_BAD_RESPONSE


ERROR = {"type": "server_error", "code": "rate_limit_exceeded", "message": "Too fast."}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", **ERROR, "error": ERROR},
        {"type": "error", "code": "rate_limit_exceeded", "message": "Too fast.", "param": None},
        {"type": "response.failed", "response": {"status": "failed", "error": ERROR}},
        {"error": ERROR},
    ],
)
def test_an_error(event: JsonObject) -> None:
    with pytest.raises(ProviderError) as raised:
        READER.stream_decoder().feed(ServerSentEvent(data=orjson.dumps(event), event=b""))

    assert (raised.value.failure, raised.value.message) == (Failure.RATE_LIMITED, "Too fast.")


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_whole_response_that_failed(status: str) -> None:
    document = {**whole("m", SAID["text"]), "status": status, "error": ERROR}
    with pytest.raises(ProviderError) as raised:
        READER.decode(orjson.dumps(document))

    assert raised.value.message == "Too fast."


@pytest.mark.parametrize("document", [{}, {"output": None}, {"error": ERROR}])
def test_what_is_no_response(document: JsonObject) -> None:
    with pytest.raises(ProviderError):
        READER.decode(orjson.dumps(document))
