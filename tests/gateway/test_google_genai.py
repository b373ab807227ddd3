"""Google's SDK for Python, sync and async, at the gateway, in front of a provider of each protocol."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from emulator import Emulator
from matrix.cases import CASES, GET_TIME, GET_WEATHER, PNG
from matrix.conversation import Asked, Said
from matrix.provider import PROTOCOLS, native_name
from support.ports import HOST
from support.stack import Stack

pytestmark = [
    pytest.mark.parametrize("protocol", PROTOCOLS),
    # The SDK's own class, of aiohttp.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]


class Person(BaseModel):
    name: str
    age: int


def get_weather(city: str, days: int) -> str:
    """Gets the weather.

    Args:
        city: A city.
        days: How many.
    """
    return f"sunny in {city} for {days} days"


@pytest.fixture
def client(translated: Stack) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=f"http://{HOST}:{translated.port}")
    with genai.Client(api_key=translated.key, vertexai=False, http_options=options) as client:
        yield client


def model(protocol: str, case: str) -> str:
    return f"{protocol}/{native_name(PROTOCOLS[protocol], case)}"


def said(case: str) -> Said:
    answer = CASES[case].answer
    assert isinstance(answer, Said)
    return answer


def asked(speakers: Emulator, protocol: str, index: int = -1) -> Asked:
    return PROTOCOLS[protocol].read(speakers.calls[index])


def test_a_text(client: genai.Client, speakers: Emulator, protocol: str) -> None:
    config = types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=50)
    found = client.models.generate_content(model=model(protocol, "text"), contents="Say hello.", config=config)

    assert found.text == said("text").text
    assert found.model_version == model(protocol, "text")
    assert found.response_id
    assert found.candidates
    assert found.candidates[0].finish_reason is types.FinishReason.STOP
    used = found.usage_metadata
    assert used
    assert (used.prompt_token_count, used.candidates_token_count) == (
        said("text").used.prompt,
        said("text").used.completion,
    )
    wanted = asked(speakers, protocol)
    assert (wanted.instructions, wanted.texts, wanted.limit) == (["Be brief."], ["Say hello."], 50)


async def test_a_text_async(client: genai.Client, protocol: str) -> None:
    found = await client.aio.models.generate_content(model=model(protocol, "text"), contents="Say hello.")
    await client.aio.aclose()

    assert found.text == said("text").text


def test_a_stream(client: genai.Client, protocol: str) -> None:
    chunks = list(client.models.generate_content_stream(model=model(protocol, "text"), contents="Say hello."))

    assert len(chunks) > 2
    assert "".join(chunk.text or "" for chunk in chunks) == said("text").text
    assert {chunk.model_version for chunk in chunks} == {model(protocol, "text")}
    assert chunks[-1].candidates
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert chunks[-1].usage_metadata
    assert chunks[-1].usage_metadata.prompt_token_count == said("text").used.prompt


async def test_a_stream_async(client: genai.Client, protocol: str) -> None:
    stream = await client.aio.models.generate_content_stream(model=model(protocol, "text"), contents="Say hello.")
    text = "".join([chunk.text or "" async for chunk in stream])
    await client.aio.aclose()

    assert text == said("text").text


def test_an_image(client: genai.Client, speakers: Emulator, protocol: str) -> None:
    pixel = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")
    client.models.generate_content(model=model(protocol, "vision"), contents=["What is it?", pixel])

    wanted = asked(speakers, protocol)
    assert (wanted.texts, wanted.images) == (["What is it?"], [("image/png", PNG)])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_functions_that_the_sdk_calls_itself(
    client: genai.Client, speakers: Emulator, protocol: str, streamed: bool
) -> None:
    calling = types.AutomaticFunctionCallingConfig(maximum_remote_calls=2)
    config: Any = {"tools": [get_weather], "automatic_function_calling": calling}
    asking: Any = {"model": model(protocol, "tool_call"), "contents": "Weather?", "config": config}
    if streamed:
        list(client.models.generate_content_stream(**asking))
    else:
        client.models.generate_content(**asking)

    if protocol == "gemini":  # unchanged: the SDK leaves out the ids
        parts = [part for content in speakers.calls[1].json["contents"] for part in content["parts"]]
        assert [set(part) & {"functionCall", "functionResponse"} for part in parts[1:]] == [
            {"functionCall"},
            {"functionResponse"},
        ]
        assert parts[1]["thoughtSignature"]
        return
    first, second = (asked(speakers, protocol, index) for index in (0, 1))
    assert set(first.tools) == {"get_weather"}
    assert [(call.name, call.arguments) for call in second.calls] == [(GET_WEATHER.name, GET_WEATHER.arguments)]
    [(id_, result)] = second.results
    assert id_ == second.calls[0].id
    assert "sunny in Zürich for 3 days" in str(result)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_parallel_calls(client: genai.Client, protocol: str, streamed: bool) -> None:
    asking: Any = {"model": model(protocol, "two_parallel_tool_calls"), "contents": "Weather and time?"}
    models = client.models
    found = list(models.generate_content_stream(**asking)) if streamed else [models.generate_content(**asking)]
    calls = [call for each in found for call in each.function_calls or []]

    assert [(each.id, each.name, each.args) for each in calls] == [
        (each.id, each.name, each.arguments) for each in (GET_WEATHER, GET_TIME)
    ]


def test_structured_output(client: genai.Client, speakers: Emulator, protocol: str) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Person)
    found = client.models.generate_content(model=model(protocol, "structured_output"), contents="Who?", config=config)

    assert found.parsed == Person(name="Ada", age=36)
    # Google gets the client's own body, with a schema in OpenAPI's dialect.
    schema = {} if protocol == "gemini" else asked(speakers, protocol).schema or {}
    assert protocol == "gemini" or set(schema["properties"]) == {"name", "age"}


@pytest.mark.parametrize("shows", [False, True], ids=["hidden", "shown"])
def test_thoughts(client: genai.Client, protocol: str, shows: bool) -> None:
    thinking = types.ThinkingConfig(thinking_level=types.ThinkingLevel.HIGH, include_thoughts=shows)
    config = types.GenerateContentConfig(thinking_config=thinking)
    asking: Any = {"model": model(protocol, "reasoning"), "contents": "Think.", "config": config}
    for found in ([client.models.generate_content(**asking)], list(client.models.generate_content_stream(**asking))):
        parts = [
            part
            for each in found
            for one in each.candidates or []
            for part in (one.content and one.content.parts) or []
        ]
        thoughts = "".join(part.text or "" for part in parts if part.thought)
        used = found[-1].usage_metadata

        assert used
        # The emulated Google shows them regardless.
        assert thoughts == (said("reasoning").reasoning if shows or protocol == "gemini" else "")
        assert "".join(part.text or "" for part in parts if not part.thought) == said("reasoning").text
        assert used.thoughts_token_count == said("reasoning").used.reasoning


def test_a_chat(client: genai.Client, speakers: Emulator, protocol: str) -> None:
    chat = client.chats.create(model=model(protocol, "text"))
    list(chat.send_message_stream("One."))
    chat.send_message("Two.")

    texts = asked(speakers, protocol).texts
    assert (texts[-1], len(speakers.calls)) == ("Two.", 2)
    # The SDK leaves out the turn of the emulated Google, whose last event has no content.
    assert protocol == "gemini" or (texts[0], said("text").text in speakers.calls[-1].raw.decode()) == ("One.", True)


@pytest.mark.parametrize(
    ("case", "status", "word"),
    [
        ("error_400", 400, "INVALID_ARGUMENT"),
        ("error_401", 502, "FAILED_PRECONDITION"),
        ("error_429", 429, "RESOURCE_EXHAUSTED"),
        ("error_500", 502, "UNAVAILABLE"),
        ("error_overloaded", 502, "UNAVAILABLE"),
    ],
)
def test_errors(client: genai.Client, protocol: str, case: str, status: int, word: str) -> None:
    for create in (client.models.generate_content, client.models.generate_content_stream):
        with pytest.raises(errors.APIError) as failed:
            list(create(model=model(protocol, case), contents="Say hello."))

        assert (failed.value.code, failed.value.status) == (status, word)
        assert failed.value.details["error"]["details"][0]["domain"] == "arouter"


def test_models_are_listed_and_described(client: genai.Client, translated: Stack, protocol: str) -> None:
    id_ = model(protocol, "text")
    options = types.HttpOptions(base_url=f"http://{HOST}:{translated.port}", api_version="v1")
    with genai.Client(api_key=translated.key, vertexai=False, http_options=options) as stable:
        for each in (client, stable):
            assert f"models/{id_}" in [listed.name for listed in each.models.list()]
            assert each.models.get(model=id_).name == f"models/{id_}"
            with pytest.raises(errors.ClientError) as refused:
                each.models.get(model="openai/none")
            assert refused.value.status == "NOT_FOUND"
