"""The Responses API with OpenAI's SDK, in front of a provider of each protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel

from emulator import Emulator
from judges import responses
from matrix.cases import CASES, GET_TIME, GET_WEATHER, PERSON, PNG, TIME, WEATHER
from matrix.conversation import Protocol, Said
from matrix.openai import OPENAI
from matrix.provider import PROTOCOLS, native_name, rows, scenario_of, scenarios
from matrix.responses import ENCRYPTED, RESPONSES
from support.stack import PROVIDER_KEY, Stack, running

JsonObject = dict[str, Any]

PROVIDERS: dict[str, Protocol] = {"native": RESPONSES, "vendor": OPENAI, **PROTOCOLS}
"""By id: `openai` is asked through its Responses API, `vendor` through chat completions."""

del PROVIDERS["openai"]

TOOLS: list[JsonObject] = [
    {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False},
    {
        "type": "namespace",
        "name": "clock",
        "description": "Time.",
        "tools": [{"type": "function", "name": "get_time", "parameters": TIME}],
    },
]

each_provider = pytest.mark.parametrize("provider", PROVIDERS)


@pytest.fixture(scope="module")
def vendors() -> Iterator[Emulator]:
    pro = {native_name(RESPONSES, name): scenario_of(RESPONSES, case.answer) for name, case in CASES.items()}
    with Emulator(scenarios() | pro) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def stack_of_vendors(vendors: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    [chat, *others] = rows(vendors, PROVIDER_KEY)
    chat["models"] += [native_name(RESPONSES, case) for case in CASES]
    with running(tmp_path_factory.mktemp("vendors"), {"providers": [chat, {**chat, "id": "vendor"}, *others]}) as stack:
        yield stack


@pytest.fixture
def client(vendors: Emulator, stack_of_vendors: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=stack_of_vendors.base_url, api_key=stack_of_vendors.key, max_retries=0) as each:
        yield each
    vendors.wait_idle()
    vendors.forget()


def model(provider: str, case: str) -> str:
    return f"{'openai' if provider == 'native' else provider}/{native_name(PROVIDERS[provider], case)}"


def said_by(response: Response) -> Said:
    """Returns what a response says, and how it ends."""
    output = response.output
    reasons = {"max_output_tokens": "length", "content_filter": "content_filter"}
    refusals = [
        part.refusal for item in output if item.type == "message" for part in item.content if part.type == "refusal"
    ]
    calls = [
        (GET_WEATHER if item.name == "get_weather" else GET_TIME)._replace(
            id=item.call_id, name=item.name, arguments=json.loads(item.arguments)
        )
        for item in output
        if item.type == "function_call"
    ]
    ended = response.incomplete_details and reasons[str(response.incomplete_details.reason)]
    return Said(
        response.output_text,
        ended or ("tool_calls" if calls else "stop"),
        "".join(part.text for item in output if item.type == "reasoning" for part in item.summary),
        tuple(calls),
        "".join(refusals) or None,
    )


SAID = ["text", "two_parallel_tool_calls", "reasoning", "length", "refusal", "cached_usage"]


@pytest.mark.parametrize("case", SAID)
@each_provider
def test_a_response_whole_and_streamed(client: openai.OpenAI, provider: str, case: str) -> None:
    answer = CASES[case].answer
    assert isinstance(answer, Said)
    asked: Any = {"model": model(provider, case), "input": "Say it.", "store": False}
    whole = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response() if answer.finish != "length" and answer.refusal is None else None
    events = list(client.responses.create(**asked, stream=True))
    last = events[-1].response  # type: ignore[union-attr]

    responses.added_up([event.model_dump(mode="json", by_alias=True, exclude_unset=True) for event in events])
    expected = answer._replace(used=Said().used, stopped_at=None)
    for response in filter(None, (whole, final, last)):
        heard = said_by(response)
        assert heard._replace(calls=()) == expected._replace(calls=())
        assert [call[1:] for call in heard.calls] == [call[1:] for call in expected.calls]
        assert response.store is False  # type: ignore[attr-defined]
        assert response.model == model(provider, case)
        used = response.usage
        assert used is not None
        assert (used.input_tokens, used.output_tokens) == answer.used[:2]
        assert used.input_tokens_details.cached_tokens == answer.used.cached


@each_provider
def test_a_conversation_with_tools(client: openai.OpenAI, vendors: Emulator, provider: str) -> None:
    items: Any = [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "content": "Weather and time?"},
    ]
    called = model(provider, "two_parallel_tool_calls")
    first = client.responses.create(model=called, input=items, tools=TOOLS, store=False)  # type: ignore[arg-type]
    output = [item.model_dump(mode="json", exclude_unset=True) for item in first.output]
    calls = [item for item in output if item["type"] == "function_call"]
    results = [{"type": "function_call_output", "call_id": call["call_id"], "output": "21"} for call in calls]
    if provider != "native":
        calls[1] |= {"name": "get_time", "namespace": "clock"}
    client.responses.create(
        model=model(provider, "text"), input=[*items, *output, *results], tools=TOOLS, store=False  # type: ignore[arg-type]
    )  # fmt: skip

    sent = vendors.calls[-1]
    if provider == "native":
        conversation = [*items, *output, *results]
        native = native_name(RESPONSES, "text")
        assert sent.json == {"model": native, "input": conversation, "tools": TOOLS, "store": False}
        return
    asked = PROVIDERS[provider].read(sent)
    assert asked.tools == {"get_weather": WEATHER, "clock__get_time": TIME}
    assert [(call.name, call.arguments) for call in asked.calls] == [
        ("get_weather", GET_WEATHER.arguments), ("clock__get_time", GET_TIME.arguments)
    ]  # fmt: skip
    assert [result for _, result in asked.results] == ["21", "21"]


@each_provider
def test_an_image_and_options(client: openai.OpenAI, vendors: Emulator, provider: str) -> None:
    parts = [{"type": "input_text", "text": "What is it?"}]
    parts.append({"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"})
    format_: Any = {"type": "json_schema", "name": "person", "schema": PERSON, "strict": True}
    client.responses.create(
        model=model(provider, "vision"),
        instructions="Be exact.",
        input=[{"type": "message", "role": "user", "content": parts}],  # type: ignore[misc, list-item]
        max_output_tokens=4000,
        reasoning={"effort": "high"},
        text={"format": format_},
        store=False,
    )

    asked = PROVIDERS[provider].read(vendors.calls[-1])
    assert (asked.texts, asked.images) == (["What is it?"], [("image/png", PNG)])
    assert (asked.effort, asked.schema, asked.limit) == ("high", PERSON, 4000)


class Person(BaseModel):
    name: str
    age: int


@each_provider
def test_a_parsed_response(client: openai.OpenAI, provider: str) -> None:
    asked = {"model": model(provider, "structured_output"), "input": "Who?", "text_format": Person}
    parsed = client.responses.parse(**asked)  # type: ignore[arg-type]

    assert parsed.output_parsed == Person(name="Ada", age=36)


@each_provider
async def test_the_asynchronous_client(stack_of_vendors: Stack, provider: str) -> None:
    async with openai.AsyncOpenAI(base_url=stack_of_vendors.base_url, api_key=stack_of_vendors.key) as client:
        asked: Any = {"model": model(provider, "text"), "input": "Say it."}
        whole = await client.responses.create(**asked)
        async with client.responses.stream(**asked) as stream:
            deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
            final = await stream.get_final_response()

    assert whole.output_text == final.output_text == "".join(deltas) == CASES["text"].answer.text  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", ["text", "two_parallel_tool_calls", "reasoning", "length"])
def test_a_model_without_chat_completions_through_chat_completions(
    client: openai.OpenAI, vendors: Emulator, case: str, stream: bool
) -> None:
    answer = CASES[case].answer
    assert isinstance(answer, Said)
    asked: Any = {"model": model("native", case), **CASES[case].asking}
    if stream:
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as chunks:
            for _ in chunks:
                pass
            completion: Any = chunks.get_final_completion() if case != "length" else chunks.current_completion_snapshot
    else:
        completion = client.chat.completions.create(**asked)

    [choice] = completion.choices
    assert (choice.finish_reason, choice.message.content or "") == (answer.finish, answer.text)
    assert [json.loads(call.function.arguments) for call in choice.message.tool_calls or ()] == [
        call.arguments for call in answer.calls
    ]
    assert completion.usage.completion_tokens == answer.used.completion
    if case == "reasoning":
        assert choice.message.reasoning_content == answer.reasoning
        assert choice.message.reasoning_details[-1]["data"] == ENCRYPTED
    read = RESPONSES.read(vendors.calls[-1])
    for name, value in CASES[case].asked.items():
        assert getattr(read, name) == value


def test_reasoning_of_another_vendor_does_not_reach_openai(client: openai.OpenAI, vendors: Emulator) -> None:
    thought = client.responses.create(
        model=model("anthropic", "reasoning"), input="Think.", reasoning={"effort": "high"}
    )
    output: Any = [item.model_dump(mode="json", exclude_unset=True) for item in thought.output]
    assert output[0]["type"] == "reasoning"
    question: Any = {"role": "user", "content": "And?"}
    client.responses.create(model=model("anthropic", "text"), input=[question, *output, question], store=False)
    told = client.responses.with_raw_response.create(model=model("native", "text"), input=[*output, question])

    returned = vendors.calls[-2].json["messages"][1]["content"]
    assert returned[0]["type"] == "thinking"
    assert [item.get("type", "message") for item in vendors.calls[-1].json["input"]] == ["message", "message"]
    assert told.headers["x-arouter-dropped-params"] == "input[].encrypted_content"


BAD: dict[str, tuple[JsonObject, str]] = {
    "no input": ({"input": None}, "input"),
    "no items": ({"input": []}, "input"),
    "an item without a type": ({"input": [{"content": "x"}]}, "input[0].type"),
    "a role": ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
    "a part": ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
    "a call": ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
    "a stored item": ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    "a damaged reasoning item": (
        {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "YXJvdXRlcjp4"}]},
        "input[0].encrypted_content",
    ),
    "a stored response": ({"previous_response_id": "resp_1"}, "previous_response_id"),
    "a conversation": ({"conversation": "conv_1"}, "conversation"),
    "the background": ({"background": True}, "background"),
    "a stored prompt": ({"prompt": {"id": "p"}}, "prompt"),
    "a tool": ({"tools": [{"type": "function"}]}, "tools[0].name"),
    "an inner tool": ({"tools": [{**TOOLS[1], "tools": [{"type": "function"}]}]}, "tools[0].tools[0].name"),
    "a format": ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
    "a temperature": ({"temperature": 3}, "temperature"),
    "a limit": ({"max_output_tokens": 0}, "max_output_tokens"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_named_by_its_own_path(client: openai.OpenAI, vendors: Emulator, bad: str) -> None:
    fields, param = BAD[bad]
    asked: Any = {"model": model("vendor", "text"), "input": "hi", **fields}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**asked)

    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
    assert vendors.calls == []


FOREIGN: dict[str, tuple[JsonObject, str]] = {
    "an item": ({"input": [{"type": "local_shell_call", "id": "x", "call_id": "c", "action": {}}]}, "input[0]"),
    "a part": ({"input": [{"role": "user", "content": [{"type": "input_smell"}]}]}, "input[0].content[0]"),
    "a choice": ({"tools": [{"type": "shell"}], "tool_choice": {"type": "shell"}}, "tool_choice"),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_only_openai_understands(client: openai.OpenAI, vendors: Emulator, foreign: str) -> None:
    fields, path = FOREIGN[foreign]
    asked: Any = {"input": "hi", "store": False, **fields}
    with pytest.raises(openai.BadRequestError, match=re.escape(f"'{path}'")):
        client.responses.create(model=model("anthropic", "text"), **asked)
    assert vendors.calls == []

    told = client.responses.with_raw_response.create(model=model("native", "text"), **asked)
    [call] = vendors.calls
    assert call.json == {"model": native_name(RESPONSES, "text"), **asked}
    assert "x-arouter-dropped-params" not in told.headers


def test_what_is_not_served_is_named(client: openai.OpenAI) -> None:
    extra = {"client_metadata": {"a": "b"}}
    told = client.responses.with_raw_response.create(
        model=model("vendor", "text"),
        input="hi",
        tools=[*TOOLS, {"type": "web_search"}, {"type": "local_shell"}],  # type: ignore[arg-type]
        truncation="auto",
        extra_body=extra,
    )

    named = told.headers["x-arouter-dropped-params"].split(", ")
    assert named == ["client_metadata", "truncation", "tools[].local_shell", "tools[].web_search"]


def test_a_stream_that_fails_raises(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError):
        list(client.responses.create(model=model("vendor", "error_in_stream"), input="hi", stream=True))
