"""Text completions through the gateway, and the paths of OpenAI's API that are not served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from emulator import Emulator
from emulator.embeddings import TEXT, TOKENS
from support.ledger import records_of
from support.rest import Answer, Rest, events
from support.stack import Stack

PATH = "/v1/completions"


@pytest.fixture
def stack(embedding: Stack) -> Stack:
    return embedding


@pytest.fixture
def client(stack: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0) as client:
        yield client


def post(stack: Stack, body: Any, path: str = PATH) -> Answer:
    with Rest(stack.port, stack.key) as rest:
        return rest.request("POST", path, body)


def test_text_completions_are_passed_on(client: openai.OpenAI, embedder: Emulator, stack: Stack) -> None:
    answer = client.completions.create(
        model="emu/complete", prompt="def f(", suffix=")", max_tokens=9, extra_body={"infill": 1}
    )

    assert (answer.object, answer.model, answer.choices[0].text) == ("text_completion", "emu/complete", "".join(TEXT))
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(TEXT)
    assert embedder.calls[0].json == {
        "model": "complete",
        "prompt": "def f(",
        "suffix": ")",
        "max_tokens": 9,
        "infill": 1,
    }
    [row] = records_of(stack, 1, "emu/complete", stream=0)
    assert (row["prompt_tokens"], row["completion_tokens"], row["estimated"]) == (TOKENS, len(TEXT), 0)


@pytest.mark.parametrize("usage", [False, True])
def test_text_completions_are_streamed(client: openai.OpenAI, stack: Stack, usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    answer = post(stack, {"model": "emu/complete", "prompt": ["x"], "stream": True, **options})

    *sent, end = events(answer.body)
    chunks = [json.loads(each) for each in sent]
    choices = [each["choices"][0] for each in chunks if each["choices"]]
    assert end == b"[DONE]"
    assert {each["object"] for each in chunks} == {"text_completion"}
    assert "".join(each["text"] for each in choices) == "".join(TEXT)
    assert choices[-1]["finish_reason"] == "stop"
    told = [each["usage"]["completion_tokens"] for each in chunks if each.get("usage")]
    assert told == ([len(TEXT)] if usage else [])
    texts = [part.choices[0].text for part in client.completions.create(model="emu/complete", prompt="x", stream=True)]
    assert "".join(texts) == "".join(TEXT)


def test_a_client_that_leaves_ends_a_text_completion(stack: Stack, embedder: Emulator) -> None:
    for stream in (False, True):
        user = f"stream {stream}"
        with stack.rest() as rest:
            rest.send(
                "POST",
                "/v1/completions",
                {"model": "emu/complete-gated", "prompt": "x", "stream": stream, "user": user},
            )
            call = embedder.call(user)
            if stream:
                assert call.started.wait(10)
            rest.vanish()
        assert call.disconnected.wait(10)


@pytest.mark.parametrize("model", ["google/gemini-3.5-flash", "anthropic/claude-opus-4-8"])
def test_providers_without_text_completions_say_what_to_use(stack: Stack, model: str) -> None:
    answer = post(stack, {"model": model, "prompt": "x"})

    assert (answer.status, answer.error["code"]) == (404, "no_provider")
    assert "/v1/chat/completions" in answer.error["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "x"}, "model"),
        ({"model": "emu/complete"}, "prompt"),
        ({"model": "emu/complete", "messages": []}, "messages"),
        ({"model": "emu/complete", "prompt": ["x", 1]}, "prompt[1]"),
        ({"model": "auto", "prompt": "x"}, "model"),
        ({"model": "emu/complete", "prompt": "x", "n": 0}, "n"),
        ({"model": "emu/embed", "prompt": "x"}, "model"),
    ],
)
def test_bad_text_completions_name_their_member(stack: Stack, body: dict[str, Any], param: str) -> None:
    answer = post(stack, body)

    assert (answer.status, answer.error["param"]) == (400, param)


@pytest.mark.parametrize("path", ["moderations", "audio/speech", "images/generations", "batches", "files?limit=1"])
def test_other_apis_of_openai_are_not_served_and_the_404_says_so(stack: Stack, path: str) -> None:
    answer = post(stack, {}, f"/v1/{path}")

    assert answer.status == 404
    name = path.partition("/")[0].partition("?")[0]
    assert answer.error["message"].startswith(f"ARouter does not serve /v1/{name}.")


def test_other_methods_are_not_allowed(stack: Stack) -> None:
    with stack.rest() as rest:
        for path in (PATH, "/v1/embeddings"):
            answer = rest.get(path)
            assert (answer.status, answer.headers["allow"]) == (405, "POST")
