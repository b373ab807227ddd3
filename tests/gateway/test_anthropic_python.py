"""Anthropic's SDK through the gateway, in front of a provider of each protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pydantic
import pytest

from emulator import Emulator
from emulator.answers import COUNT
from matrix.cases import CASES, GET_TIME, GET_WEATHER, PERSON, PNG, TIME, WEATHER
from matrix.conversation import Said, ToolCall
from matrix.provider import PROTOCOLS, native_name
from support.stack import Stack

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
TOOLS = [
    {"name": name, "description": f"{name}.", "input_schema": schema}
    for name, schema in (("get_weather", WEATHER), ("get_time", TIME))
]


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **more}


def used(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def result(call: ToolCall, text: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call.id, "content": text, "cache_control": {"type": "ephemeral"}}


ASKING: dict[str, dict[str, Any]] = {
    "text": user("Say hello.", system="Be brief."),
    "vision": user([{"type": "text", "text": "What is it?"}, IMAGE]),
    "tool_call": user("Weather?", tools=TOOLS[:1], tool_choice={"type": "any"}),
    "two_parallel_tool_calls": user("Weather and time?", tools=TOOLS),
    "tool_result_turn": {
        "messages": [
            {"role": "user", "content": "Weather and time?"},
            {"role": "assistant", "content": [used(GET_WEATHER), used(GET_TIME)]},
            {"role": "user", "content": [result(GET_WEATHER, '{"celsius": 21}'), result(GET_TIME, "half past nine")]},
        ],
        "tools": TOOLS,
    },
    "structured_output": user("Who?", output_config={"format": {"type": "json_schema", "schema": PERSON}}),
    "reasoning": user("Think.", thinking={"type": "adaptive"}, output_config={"effort": "high"}),
    "stop": user("Count.", stop_sequences=["END", "four"]),
    "length": user("Count.", max_tokens=5),
    "refusal": user("How?"),
    "cached_usage": user("Say hello."),
}
"""The cases of the matrix as the SDK's arguments."""

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


@pytest.fixture
def client(translated: Stack) -> Iterator[anthropic.Anthropic]:
    """The SDK, talking to the gateway."""
    url = f"http://127.0.0.1:{translated.port}"
    # The version that the matrix's provider speaks; the SDK's own is newer.
    version = {"anthropic-version": "2023-06-01"}
    with anthropic.Anthropic(base_url=url, api_key=translated.key, max_retries=0, default_headers=version) as sdk:
        yield sdk


def model(protocol: str, case: str) -> str:
    return f"{protocol}/{native_name(PROTOCOLS[protocol], case)}"


def asked_of(client: anthropic.Anthropic, protocol: str, case: str, *, stream: bool) -> anthropic.types.Message:
    asking: Any = {"model": model(protocol, case), "max_tokens": 4096, **ASKING[case]}
    if not stream:
        return client.messages.create(**asking)
    with client.messages.stream(**asking) as events:
        return events.get_final_message()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", ASKING)
def test_each_case_on_each_wire(
    client: anthropic.Anthropic, speakers: Emulator, case: str, protocol: str, stream: bool
) -> None:
    message = asked_of(client, protocol, case, stream=stream)

    said = CASES[case].answer
    assert isinstance(said, Said)
    assert message.model == model(protocol, case)
    assert "".join(block.text for block in message.content if block.type == "text") == said.text
    assert "".join(block.thinking for block in message.content if block.type == "thinking") == said.reasoning
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(call.id, call.name, call.input) for call in calls] == [tuple(call) for call in said.calls]
    # Only Anthropic says that a stop sequence was found.
    assert message.stop_reason in (STOP_REASONS[said.finish], "stop_sequence" if said.stopped_at else None)
    counts = said.used._replace(**dict.fromkeys(PROTOCOLS[protocol].unsaid, 0))
    usage = message.usage
    assert usage.output_tokens == counts.completion
    assert (usage.cache_read_input_tokens or 0) == counts.cached
    prompt = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert prompt == counts.prompt

    [call] = speakers.calls
    asked = PROTOCOLS[protocol].read(call)._asdict()
    expected = CASES[case].asked
    assert {field: asked[field] for field in expected} == expected


async def test_the_asynchronous_client_streams(translated: Stack, speakers: Emulator) -> None:
    url = f"http://127.0.0.1:{translated.port}"
    async with anthropic.AsyncAnthropic(base_url=url, api_key=translated.key, max_retries=0) as client:
        asking: Any = ASKING["two_parallel_tool_calls"]

        async def ask(protocol: str) -> anthropic.types.Message:
            name = model(protocol, "two_parallel_tool_calls")
            async with client.messages.stream(model=name, max_tokens=99, **asking) as stream:
                return await stream.get_final_message()

        messages = await asyncio.gather(*map(ask, PROTOCOLS))

    for message in messages:
        kinds = [block.type for block in message.content if block.type != "redacted_thinking"]
        assert kinds == ["text", "tool_use", "tool_use"]


class Person(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    name: str
    age: int


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_structured_responses_are_parsed(client: anthropic.Anthropic, speakers: Emulator, protocol: str) -> None:
    messages: Any = ASKING["structured_output"]["messages"]
    parsed = client.messages.parse(
        model=model(protocol, "structured_output"), max_tokens=99, messages=messages, output_format=Person
    )

    assert parsed.parsed_output == Person(name="Ada", age=36)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_image_in_a_result_reaches_the_model(client: anthropic.Anthropic, speakers: Emulator, protocol: str) -> None:
    turns: Any = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": [used(GET_WEATHER)]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": GET_WEATHER.id, "content": [IMAGE]}]},
    ]
    client.messages.create(model=model(protocol, "text"), max_tokens=99, messages=turns, tools=TOOLS)  # type: ignore[arg-type]

    [call] = speakers.calls
    assert PNG in str(call.json)
    if protocol == "openai":
        [result_message] = [each for each in call.json["messages"] if each["role"] == "tool"]
        assert isinstance(result_message["content"], str)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_only_anthropic_has_is_named_for_others(
    client: anthropic.Anthropic, speakers: Emulator, protocol: str
) -> None:
    headers = {
        "anthropic-beta": "context-management-2025-06-27,files-api-2025-04-14",
        "anthropic-version": "2023-06-01",
    }
    raw = client.messages.with_raw_response.create(
        model=model(protocol, "text"),
        max_tokens=99,
        messages=ASKING["text"]["messages"],
        tools=[*TOOLS, {"type": "web_search_20250305", "name": "web_search"}],  # type: ignore[list-item]
        extra_body={"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
        extra_headers=headers,
    )

    [call] = speakers.calls
    sent = {name: value for name, value in call.headers.items() if name.lower().startswith("anthropic-")}
    if protocol == "anthropic":
        assert "x-arouter-dropped-params" not in raw.headers
        assert sent == {"anthropic-beta": "context-management-2025-06-27", "anthropic-version": "2023-06-01"}
    else:
        named = raw.headers["x-arouter-dropped-params"].split(", ")
        assert named[:2] == ["tools[].web_search_20250305", "context_management"]
        assert sent == {}


def test_a_header_in_several_lines_is_one_list(translated: Stack, speakers: Emulator) -> None:
    betas = ("context-management-2025-06-27", "context-1m-2025-08-07")
    headers = [("x-api-key", translated.key), *(("anthropic-beta", beta) for beta in betas)]
    body = {"model": model("anthropic", "text"), "max_tokens": 99, **user("Say hello.")}

    answer = httpx2.post(f"http://127.0.0.1:{translated.port}/v1/messages", headers=headers, json=body)

    assert answer.status_code == 200
    [call] = speakers.calls
    assert call.headers["anthropic-beta"] == ",".join(betas)


ERRORS = {
    "error_400": anthropic.BadRequestError,
    "error_429": anthropic.RateLimitError,
    "error_500": anthropic.InternalServerError,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_the_sdks_own(client: anthropic.Anthropic, speakers: Emulator, case: str, protocol: str) -> None:
    with pytest.raises(ERRORS[case]) as refused:
        client.messages.create(model=model(protocol, case), max_tokens=99, messages=ASKING["text"]["messages"])

    body: Any = refused.value.body
    assert body["type"] == "error"
    assert body["error"].keys() == {"type", "message"}


def test_an_unknown_key_and_a_missing_limit_are_refused(client: anthropic.Anthropic, speakers: Emulator) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="sk-none").messages.create(**{"model": "m", "max_tokens": 9, **ASKING["text"]})
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        client.post("/v1/messages", body={"model": model("openai", "text"), **ASKING["text"]}, cast_to=object)


def test_tokens_are_estimated_where_the_provider_does_not_count(
    client: anthropic.Anthropic, speakers: Emulator
) -> None:
    raw = client.messages.with_raw_response.count_tokens(
        model=model("openai", "text"), **ASKING["two_parallel_tool_calls"]
    )

    assert raw.headers["x-arouter-estimated"] == "true"
    assert raw.parse().input_tokens > 50
    assert speakers.calls == []


def test_tokens_are_counted_by_the_provider(client: anthropic.Anthropic, speakers: Emulator) -> None:
    raw = client.messages.with_raw_response.count_tokens(model=model("gemini", "text"), **ASKING["text"])

    assert "x-arouter-estimated" not in raw.headers
    assert raw.parse().input_tokens == COUNT
    [call] = speakers.calls
    assert call.counts


def test_a_model_is_counted_only_if_it_exists(client: anthropic.Anthropic, speakers: Emulator) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="openai/none", **ASKING["text"])
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        client.post("/v1/messages/count_tokens", body={"model": model("openai", "text")}, cast_to=object)


def test_models_are_listed_in_pages(client: anthropic.Anthropic, translated: Stack, speakers: Emulator) -> None:
    with translated.rest() as rest:
        listed = [each["id"] for each in rest.get("/v1/models").json["data"]]
    page = client.models.list(limit=10)

    assert [each.id for each in client.models.list()] == listed
    assert ([each.id for each in page.data], page.has_more, page.last_id) == (listed[:10], True, listed[9])
    earlier = client.models.list(limit=4, before_id=listed[9])
    assert ([each.id for each in earlier.data], earlier.has_more) == (listed[5:9], True)
    assert (page.data[0].type, page.data[0].created_at.tzinfo is not None) == ("model", True)


def test_a_model_is_described(client: anthropic.Anthropic, translated: Stack, speakers: Emulator) -> None:
    id_ = model("anthropic", "text")

    assert client.models.retrieve(id_).id == id_
    with pytest.raises(anthropic.NotFoundError) as refused:
        client.models.retrieve("openai/none")
    body: Any = refused.value.body
    assert body["error"]["type"] == "not_found_error"
    with translated.rest() as rest:
        assert rest.get(f"/v1/models/{id_}").json["object"] == "model"


def test_the_probe_of_claude_code_is_answered(translated: Stack, speakers: Emulator) -> None:
    with translated.rest() as rest:
        assert rest.request("HEAD", "/", None).status == 404
