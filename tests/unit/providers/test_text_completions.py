"""Text completions of OpenAI's protocol: to the canonical form and back, whole and streamed, however it is split."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from arouter.chat.chunks import Chunk
from arouter.dialects.completions.dialect import CompletionsDialect
from arouter.dialects.completions.request import text_request
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.adapter import Reader
from arouter.providers.sse import SseParser
from arouter.providers.text_completions import TextCompletions

DIALECT = CompletionsDialect()
USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
LOGPROBS = {"tokens": ["a"], "token_logprobs": [-0.5], "text_offset": [0], "top_logprobs": [{"a": -0.5}]}


def request(**members: Any) -> Any:
    return text_request({"model": "p/m", "prompt": "x", **members})


def reader() -> Reader:
    made = TextCompletions().encode(request(), "m").reader
    assert made is not None
    return made


def chunk(index: int, text: str, reason: str | None = None, **members: Any) -> dict[str, Any]:
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": reason, **members}
    return {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}


def read_stream(body: bytes, cuts: list[int]) -> list[Chunk]:
    decoder, parser, chunks, start = reader().stream_decoder(), SseParser(10**6), [], 0
    for end in (*sorted(cuts), len(body)):
        for event in parser.feed(body[start:end]):
            chunks += decoder.feed(event)
        start = end
    return chunks if decoder.done else chunks + decoder.finish()


def test_a_whole_completion_returns_as_it_came() -> None:
    choices = [
        {"text": " a time", "index": 0, "logprobs": LOGPROBS, "finish_reason": "stop", "stop_reason": 7},
        {"text": "", "index": 1, "logprobs": None, "finish_reason": "length"},
    ]
    said = {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": choices, "usage": USAGE}
    completion = reader().decode(orjson.dumps(said))

    assert [choice["message"]["content"] for choice in completion["choices"]] == [" a time", ""]
    encoded = DIALECT.encode(completion, request())
    assert encoded == said
    Completion.model_validate(encoded, strict=True)


@given(st.lists(st.tuples(st.integers(0, 1), st.text(max_size=4)), max_size=6), st.data(), st.booleans())
def test_a_stream_gives_what_the_whole_gives_however_it_is_split(
    pieces: list[tuple[int, str]], data: st.DataObject, with_usage: bool
) -> None:
    sent = [chunk(index, text) for index, text in pieces]
    sent += [chunk(index, "", "stop") for index in sorted({0, *(index for index, _ in pieces)})]
    sent += [{**chunk(0, ""), "choices": [], "usage": USAGE}]
    body = b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in sent) + b"data: [DONE]\n\n"
    chunks = read_stream(body, data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    options = {"stream": True, "stream_options": {"include_usage": with_usage}}
    events = DIALECT.events(request(**options)).encode(chunks)

    read = [json.loads(each.removeprefix(b"data: ")) for each in events.split(b"\n\n") if each]
    for index in (0, 1):
        got = "".join(choice["text"] for each in read for choice in each["choices"] if choice["index"] == index)
        assert got == "".join(text for at, text in pieces if at == index)
    assert [each["usage"] for each in read if each.get("usage")] == ([USAGE] if with_usage else [])
    for each in read:
        assert each["object"] == "text_completion"
        assert all(choice.keys() == {"text", "index", "logprobs", "finish_reason"} for choice in each["choices"])


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choices": []}', b'{"choices": [5]}', b'{"choices": [{"text": 5}]}'])
def test_a_malformed_completion_is_the_providers_failure(body: bytes) -> None:
    with pytest.raises(ProviderError):
        reader().decode(body)


def test_a_stream_without_an_end_is_a_failure() -> None:
    body = b"data: " + orjson.dumps(chunk(0, "a")) + b"\n\n"
    with pytest.raises(ProviderError):
        read_stream(body, [])


ODD = st.dictionaries(st.sampled_from(["text", "delta", "message", "index"]), st.integers(-1, 2) | st.text(max_size=2))


@given(st.lists(st.none() | st.integers(-1, 1) | ODD, max_size=3))
def test_no_choices_raise_anything_else(choices: list[Any]) -> None:
    for run in (reader().decode, lambda body: read_stream(b"data: " + body + b"\n\n", [])):
        with suppress(ProviderError):
            run(orjson.dumps({"choices": choices}))


def test_usage_is_always_requested_of_a_stream() -> None:
    wire = TextCompletions().encode(request(stream=True, min_p=1), "m")

    assert json.loads(wire.body or b"") == {
        "model": "m",
        "prompt": "x",
        "stream": True,
        "min_p": 1,
        "stream_options": {"include_usage": True},
    }
    assert (wire.path, wire.added) == ("/completions", {"stream_options"})
    again = TextCompletions().encode(request(stream=True), "m", without=frozenset({"stream_options"}))
    assert "stream_options" not in json.loads(again.body or b"")


def test_a_stream_that_fails_ends_with_an_error() -> None:
    error = ARouterError(Failure.PROVIDER_ERROR, "emulated")
    [event] = DIALECT.events(request(stream=True)).fail(error).split(b"\n\n")[:-1]

    assert json.loads(event.removeprefix(b"data: ")) == DIALECT.encode_error(error)
    assert DIALECT.events(request(stream=True)).finish() == b"data: [DONE]\n\n"
