"""The official Python SDK, sync and async, against the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from emulator import Emulator
from emulator.answers import CREATED, REASONING, TEXT, TOOL_CALLS, USAGE
from support.stack import Stack

MESSAGES: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def client(stack: Stack, emulator: Emulator) -> Iterator[OpenAI]:
    with OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(stack: Stack, emulator: Emulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0) as client:
        yield client


def test_models_list(client: OpenAI) -> None:
    assert "emu/text" in [model.id for model in client.models.list()]


def test_models_retrieve(client: OpenAI) -> None:
    model = client.models.retrieve("emu/text")

    assert model.to_dict() == {"id": "emu/text", "object": "model", "created": CREATED, "owned_by": "emu"}


def test_create(client: OpenAI) -> None:
    completion = client.chat.completions.create(model="emu/text", messages=MESSAGES)

    assert completion.choices[0].message.content == TEXT
    assert completion.choices[0].message.role == "assistant"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage == USAGE
    assert completion.model == "emu/text"
    assert completion.id.startswith("gen-")
    assert completion.object == "chat.completion"
    assert completion.system_fingerprint == "fp_emulated"


def test_create_gives_each_answer_its_own_id(client: OpenAI) -> None:
    ids = {client.chat.completions.create(model="emu/text", messages=MESSAGES).id for _ in range(5)}

    assert len(ids) == 5


def test_stream(client: OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="emu/text", messages=MESSAGES, stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert {chunk.model for chunk in chunks} == {"emu/text"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].id.startswith("gen-")
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)


def test_stream_with_usage_ends_with_a_chunk_that_has_no_choices(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="emu/text", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )

    assert [bool(chunk.choices) for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].usage == USAGE
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_stream_helper_accumulates(client: OpenAI) -> None:
    with client.chat.completions.stream(model="emu/text", messages=MESSAGES) as stream:
        completion = stream.get_final_completion()

    assert completion.choices[0].message.content == TEXT


def test_with_raw_response(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="emu/text", messages=MESSAGES)

    assert raw.status_code == 200
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["x-request-id"]
    assert raw.request_id == raw.headers["x-request-id"]
    assert not [name for name in raw.headers if name.startswith("grpc-")]
    assert raw.parse().choices[0].message.content == TEXT


def test_with_raw_response_of_a_stream(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="emu/text", messages=MESSAGES, stream=True)

    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["x-request-id"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse()) == TEXT


def test_tool_calls(client: OpenAI) -> None:
    completion = client.chat.completions.create(model="emu/tools", messages=MESSAGES)

    calls: Any = completion.choices[0].message.tool_calls
    assert tuple((call.id, call.function.name, call.function.arguments) for call in calls) == TOOL_CALLS
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.choices[0].message.content is None


def test_streamed_parallel_tool_calls(client: OpenAI) -> None:
    with client.chat.completions.stream(model="emu/tools", messages=MESSAGES) as stream:
        completion = stream.get_final_completion()

    calls: Any = completion.choices[0].message.tool_calls
    assert tuple((call.id, call.function.name, call.function.arguments) for call in calls) == TOOL_CALLS


def test_reasoning_content(client: OpenAI) -> None:
    message: Any = client.chat.completions.create(model="emu/reasoning", messages=MESSAGES).choices[0].message
    chunks: Any = list(client.chat.completions.create(model="emu/reasoning", messages=MESSAGES, stream=True))

    assert message.reasoning_content == "".join(REASONING)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "".join(REASONING)


def test_vendor_parameters_reach_the_provider(client: OpenAI, emulator: Emulator) -> None:
    client.chat.completions.create(
        model="emu/text", messages=MESSAGES, extra_body={"top_k": 40, "vendor": {"z": 1, "a": None}}
    )

    assert emulator.calls[-1].json["top_k"] == 40
    assert list(emulator.calls[-1].json["vendor"].items()) == [("z", 1), ("a", None)]


REFUSED = "invalid_request_error"
ERRORS: list[tuple[str, dict[str, Any], type[openai.APIStatusError], int, str, str | None]] = [
    ("no messages", {"messages": []}, openai.BadRequestError, 400, REFUSED, None),
    ("unknown model", {"model": "emu/no"}, openai.NotFoundError, 404, REFUSED, "model_not_found"),
    ("400", {"model": "emu/status-400"}, openai.BadRequestError, 400, REFUSED, "emulated_code"),
    ("404", {"model": "emu/status-404"}, openai.NotFoundError, 404, REFUSED, "emulated_code"),
    ("413", {"model": "emu/status-413"}, openai.APIStatusError, 413, REFUSED, "emulated_code"),
    (
        "422",
        {"model": "emu/status-422"},
        openai.UnprocessableEntityError,
        422,
        REFUSED,
        "emulated_code",
    ),
    ("429", {"model": "emu/status-429"}, openai.RateLimitError, 429, "rate_limit_error", "emulated_code"),
    ("401", {"model": "emu/status-401"}, openai.InternalServerError, 502, "server_error", "provider_credentials"),
    ("500", {"model": "emu/status-500"}, openai.InternalServerError, 502, "server_error", "provider_error"),
    ("refused", {"model": "refusing/text"}, openai.InternalServerError, 502, "server_error", "provider_unreachable"),
    ("hang", {"model": "hasty/hang"}, openai.InternalServerError, 504, "server_error", "provider_timeout"),
]
IDS = [row[0] for row in ERRORS]


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
@pytest.mark.parametrize(("name", "request_", "exception", "status", "kind", "code"), ERRORS, ids=IDS)
def test_each_error_raises_its_exception(
    client: OpenAI,
    name: str,
    request_: dict[str, Any],
    exception: type[openai.APIStatusError],
    status: int,
    kind: str,
    code: str | None,
    stream: bool,
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**{"model": "emu/text", "messages": MESSAGES, "stream": stream, **request_})

    error = caught.value
    assert type(error) is exception
    assert (error.status_code, error.type, error.code) == (status, kind, code)
    assert error.request_id


def test_a_wrong_key_raises_authentication_error(stack: Stack, emulator: Emulator) -> None:
    with (
        OpenAI(base_url=stack.base_url, api_key="lr_live_wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="emu/text", messages=MESSAGES)

    assert (caught.value.type, caught.value.code) == ("authentication_error", "invalid_api_key")


def test_an_error_amid_a_stream_raises_api_error(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="emu/error-midstream", messages=MESSAGES, stream=True)
    received = []

    with pytest.raises(openai.APIError) as caught:
        received.extend(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in received) == "Hello from"
    assert caught.value.code == "provider_error"


async def test_async_models(async_client: AsyncOpenAI) -> None:
    listed = [model.id async for model in async_client.models.list()]

    assert "emu/text" in listed
    assert (await async_client.models.retrieve("emu/text")).id == "emu/text"


async def test_async_create(async_client: AsyncOpenAI) -> None:
    completion = await async_client.chat.completions.create(model="emu/text", messages=MESSAGES)

    assert completion.choices[0].message.content == TEXT


async def test_async_stream_with_usage(async_client: AsyncOpenAI) -> None:
    stream = await async_client.chat.completions.create(
        model="emu/text", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == TEXT
    assert chunks[-1].usage == USAGE


async def test_async_with_raw_response(async_client: AsyncOpenAI) -> None:
    raw = await async_client.chat.completions.with_raw_response.create(model="emu/text", messages=MESSAGES)

    assert raw.headers["x-request-id"]
    assert raw.parse().choices[0].message.content == TEXT


@pytest.mark.parametrize(
    ("model", "exception"),
    [
        ("emu/missing", openai.NotFoundError),
        ("emu/status-429", openai.RateLimitError),
        ("emu/status-500", openai.InternalServerError),
    ],
)
async def test_async_errors(async_client: AsyncOpenAI, model: str, exception: type[openai.APIStatusError]) -> None:
    with pytest.raises(exception):
        await async_client.chat.completions.create(model=model, messages=MESSAGES)
