"""A real model behind a server that others wrote: llama.cpp speaks OpenAI's protocol and Anthropic's, on one port."""

from __future__ import annotations

import base64
import operator
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import openai
import psutil
import pytest

from support.log import chat
from support.process import Process, assert_gone
from support.stack import Stack, running

NAME = "smollm2-135m-instruct"
OPENAI, ANTHROPIC = f"llama.cpp/{NAME}", f"messages/{NAME}"
MODELS = [OPENAI, ANTHROPIC]
SLOTS = 4
"""Answers that the embedded server makes at a time."""

SAY_HELLO: Any = {"role": "user", "content": "Say hello."}
ENDLESS: Any = [{"role": "user", "content": "Repeat the word yes two thousand times:" + " yes" * 60}]
IMAGE = f"data:image/png;base64,{base64.b64encode(b'no image').decode()}"
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Bern"}'}}
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS = [{"type": "function", "function": WEATHER}]


class Said(NamedTuple):
    """What an answer says, in whichever way it came."""

    text: str | None
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


ON_ONE_CORE = "import os, runpy; os.cpu_count = lambda: 1; runpy.run_module('arouter.embedded', run_name='__main__')"
"""The model's server with one thread: several wait for each other in a loop, while other tests need the cores."""


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The embedded model's server; it prints its URL."""
    process = Process([], {}, tmp_path_factory.mktemp("llama"), command=(sys.executable, "-c", ON_ONE_CORE))
    try:
        process.wait_until(lambda: process.printed.endswith("\n"), "listening")
        yield process
        assert process.stop() == 0, process.log
    finally:
        process.kill()
    assert_gone(process, [int(process.printed.rpartition(":")[2])])


@pytest.fixture(scope="module")
def both(llama: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    url = llama.printed.strip()
    rows = [
        {"id": "llama.cpp", "base_url": f"{url}/v1"},
        {"id": "messages", "protocol": "anthropic", "base_url": url},
        {"id": "vectors", "base_url": f"{url}/v1", "models": [{"name": NAME, "output_modalities": ["embeddings"]}]},
    ]
    with running(tmp_path_factory.mktemp("both"), {"providers": rows}) as stack:
        yield stack


@pytest.fixture
def client(both: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=both.base_url, api_key=both.key, max_retries=0, timeout=60) as client:
        yield client


def said(completion: Any) -> Said:
    [choice] = completion.choices
    usage = completion.usage
    assert usage is not None
    tokens = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    return Said(choice.message.content, choice.finish_reason, *tokens)


def whole(client: openai.OpenAI, **request: Any) -> Said:
    return said(client.chat.completions.create(**request, temperature=0))


def streamed(client: openai.OpenAI, **request: Any) -> Said:
    with client.chat.completions.stream(**request, temperature=0, stream_options={"include_usage": True}) as stream:
        for _ in stream:
            pass
        # Not `get_final_completion()`, which raises where the limit ended the answer.
        return said(stream.current_completion_snapshot)


def all_ways(client: openai.OpenAI, **request: Any) -> list[Said]:
    return [ask(client, model=model, **request) for model in MODELS for ask in (whole, streamed)]


def warm(client: openai.OpenAI, **request: Any) -> None:
    """Fills the prompt cache: sums come out in another order with it, and a near tie between words another way."""
    whole(client, model=OPENAI, **request)


def test_its_own_list_has_the_model_under_either_protocol(client: openai.OpenAI) -> None:
    assert sorted(model.id for model in client.models.list()) == MODELS


CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one question": [SAY_HELLO],
    "a system message": [{"role": "system", "content": "You are a pirate."}, SAY_HELLO],
    "a developer message": [{"role": "developer", "content": "You are a pirate."}, SAY_HELLO],
    "several turns": [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Nice to meet you, Ada."},
        {"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "my name?"}]},
    ],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_both_protocols_give_the_same_answer_whole_and_streamed(client: openai.OpenAI, name: str) -> None:
    request: dict[str, Any] = {"messages": CONVERSATIONS[name], "max_tokens": 6}
    warm(client, **request)

    answers = all_ways(client, **request)

    assert answers == answers[:1] * 4
    [answer, *_] = answers
    assert answer.text
    assert answer.finish_reason == "length"
    assert answer.prompt_tokens > 10
    assert answer.completion_tokens == 6
    assert answer.total_tokens == answer.prompt_tokens + 6


def test_a_stop_sequence_ends_the_answer_under_either_protocol(client: openai.OpenAI) -> None:
    request: dict[str, Any] = {"messages": [SAY_HELLO], "max_tokens": 8}
    warm(client, **request)
    text = whole(client, model=OPENAI, **request).text or ""
    stop = text.split()[3]

    answers = all_ways(client, stop=[stop], **request)

    assert answers == answers[:1] * 4
    assert answers[0].text == text.partition(stop)[0]
    assert answers[0].finish_reason == "stop"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize(
    "messages",
    [
        [SAY_HELLO],
        [
            SAY_HELLO,
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
        ],
    ],
    ids=["offered", "used"],
)
def test_tools_are_accepted(client: openai.OpenAI, model: str, ask: Any, messages: Any) -> None:
    """No more than that: this model's template knows no tools, so that it never calls one."""
    answer = ask(client, model=model, messages=messages, tools=TOOLS, max_tokens=4)

    assert answer.text
    assert answer.finish_reason == "length"


REFUSED: list[tuple[str, Any, type[openai.APIStatusError], int, str, str | None, str]] = [
    (
        "too long",
        "word " * 9000,
        openai.BadRequestError,
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "exceeds the available",
    ),
    (
        "an image",
        [{"type": "image_url", "image_url": {"url": IMAGE}}],
        openai.InternalServerError,
        502,
        "server_error",
        "provider_error",
        "image input is not supported",
    ),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize(
    ("name", "content", "exception", "status", "kind", "code", "words"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_an_error_keeps_its_words(
    client: openai.OpenAI,
    name: str,
    content: Any,
    exception: type[openai.APIStatusError],
    status: int,
    kind: str,
    code: str | None,
    words: str,
    ask: Any,
    model: str,
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        ask(client, model=model, messages=[{"role": "user", "content": content}], max_tokens=4)

    error = refused.value
    assert type(error) is exception
    assert (error.status_code, error.type, error.code) == (status, kind, code)
    assert words in error.message
    assert sorted(error.response.json()["error"]) == ["code", "message", "param", "type"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
def test_agents_recognise_that_the_conversation_is_too_long(both: Stack, model: str, stream: bool) -> None:
    """Codex by the code, Claude Code by the beginning of the message."""
    asked: dict[str, Any] = {"model": model, "stream": stream}
    text = "word " * 9000
    with both.rest() as rest:
        responses = rest.request("POST", "/v1/responses", asked | {"input": text})
        messages = rest.request(
            "POST", "/v1/messages", asked | {"max_tokens": 4, "messages": [{"role": "user", "content": text}]}
        )

    assert (responses.status, messages.status) == (400, 400)
    assert responses.error["code"] == "context_length_exceeded"
    error = messages.json["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith("prompt is too long: 9")


@pytest.mark.parametrize("model", MODELS)
def test_clients_that_leave_make_room_for_others(
    client: openai.OpenAI, both: Stack, llama: Process, model: str
) -> None:
    def connections() -> int:
        found = psutil.Process(llama.pid).net_connections("tcp")
        return sum(connection.status != psutil.CONN_LISTEN for connection in found)

    connected = connections()
    ids = []
    with ExitStack() as streams:
        for _ in range(SLOTS):
            stream = client.chat.completions.create(model=model, messages=ENDLESS, max_tokens=1500, stream=True)
            streams.enter_context(stream)
            ids.append(stream.response.headers["x-request-id"])
            while not next(stream).choices[0].delta.content:
                pass
    # Not all, perhaps: so small a model may come to an end after all.
    assert "client_cancelled" in [chat(both.process, id_)["status"] for id_ in ids]
    # It was writing to each of them, so that they are gone only once it has noticed, too.
    llama.wait_until(lambda: connections() <= connected, "rid of their connections")

    assert whole(client, model=model, messages=[SAY_HELLO], max_tokens=2).text


def test_it_embeds_texts_and_tokens_in_either_encoding(client: openai.OpenAI) -> None:
    texts = ["The cat sits on the mat.", "A cat is sitting on a rug.", "Quarterly revenue fell by ten percent."]
    answer = client.embeddings.create(model=f"vectors/{NAME}", input=texts)
    cat, other_cat, revenue = [each.embedding for each in answer.data]
    floats = client.embeddings.create(model=f"vectors/{NAME}", input=texts[0], encoding_format="float")
    tokens = client.embeddings.create(model=f"vectors/{NAME}", input=[[504, 2644], [30]])

    assert similarity(cat, cat) == pytest.approx(1)  # normalized
    assert similarity(cat, other_cat) > similarity(cat, revenue)
    assert similarity(floats.data[0].embedding, cat) > 0.999  # as a batch, sums come out in another order
    assert answer.usage.prompt_tokens > floats.usage.prompt_tokens > 0
    assert (tokens.usage.prompt_tokens, [each.index for each in tokens.data]) == (3, [0, 1])


def similarity(one: list[float], other: list[float]) -> float:
    return sum(map(operator.mul, one, other))


def test_a_text_that_is_too_long_to_embed_is_a_400(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="too long") as caught:
        client.embeddings.create(model=f"vectors/{NAME}", input="word " * 600)

    assert caught.value.param == "input"


def test_it_completes_a_text_whole_and_streamed(client: openai.OpenAI) -> None:
    request: Any = {"model": OPENAI, "prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
    client.completions.create(**request)  # fills the prompt cache
    complete = client.completions.create(**request)
    pieces = list(client.completions.create(**request, stream=True, stream_options={"include_usage": True}))

    assert complete.choices[0].text
    assert "".join(piece.choices[0].text for piece in pieces if piece.choices) == complete.choices[0].text
    assert complete.choices[0].finish_reason == "length"
    assert complete.usage is not None
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.completion_tokens == complete.usage.completion_tokens == 8
