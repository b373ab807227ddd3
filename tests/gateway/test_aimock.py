"""Providers that others wrote: aimock speaks OpenAI's, Anthropic's and Gemini's protocols from one set of fixtures.

So one assertion holds for all three: what a client gets does not depend on the protocol behind the router. Its journal
says how it understood each request, in OpenAI's words, which is the same question asked of the other half.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pydantic
import pytest

from support.node import FOLDER, NODE
from support.ports import HOST
from support.process import Process, assert_gone
from support.rest import Rest
from support.stack import PROVIDER_KEY, Stack, running

AIMOCK = str(FOLDER / "node_modules" / ".bin" / "aimock")
MODELS = {"openai": "gpt-5", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}

TEXT = "🙂 Grüße aus Zürich, 你好, and a text that is long enough for several pieces."
"""The character of two UTF-16 units comes first: aimock cuts texts by such units and sends halves of it otherwise."""
REASONING = "Two cities, so two calls are needed."
CALLS = [("call_zurich", "get_weather", {"city": "Zürich", "days": 3}), ("call_bern", "get_weather", {"city": "Bern"})]
USAGE = {"prompt_tokens": 11, "completion_tokens": 7}


def fixture(said: str, response: dict[str, Any], **match: Any) -> dict[str, Any]:
    """Returns what aimock answers to a message."""
    return {"match": {"userMessage": said, **match}, "response": response, "chunkSize": 9}


def calling(said: str, calls: int, **more: Any) -> list[dict[str, Any]]:
    """Returns fixtures that call tools."""
    tool_calls = [{"id": id_, "name": name, "arguments": arguments} for id_, name, arguments in CALLS[:calls]]
    response = {"toolCalls": tool_calls, "usage": USAGE, **more}
    return [
        # aimock ends a Gemini answer with FUNCTION_CALL, which Gemini's own SDK does not know; Gemini says STOP.
        fixture(said, {**response, "finishReason": "stop"}, model=MODELS["gemini"], hasToolResult=False),
        fixture(said, response, hasToolResult=False),
    ]


FIXTURES = [
    fixture("Say it.", {"content": TEXT, "usage": USAGE}),
    fixture("Think.", {"content": TEXT, "reasoning": REASONING, "usage": USAGE}),
    fixture("Say too much.", {"content": TEXT, "finishReason": "length", "usage": USAGE}),
    fixture("Give me JSON.", {"content": {"city": "Zürich", "days": 3}, "usage": USAGE}),
    *calling("One city?", 1),
    *calling("Two cities?", 2),
    *calling("Think about two cities.", 2, reasoning=REASONING),
    fixture("cities", {"content": "Sunny in both.", "usage": USAGE}, hasToolResult=True, toolResultContains="sunny"),
    # With a pause (in ms) after each piece, or nothing of it would be sent.
    {**fixture("Break off.", {"content": TEXT}), "truncateAfterChunks": 4, "latency": 1},
    *(
        fixture(
            f"Fail with {status}.", {"error": {"message": f"mocked {status}", "type": kind}, "status": status, **more}
        )
        for status, kind, more in [
            (400, "invalid_request_error", {}),
            (429, "rate_limit_error", {"retryAfter": 7}),
            (500, "api_error", {}),
        ]
    ),
]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tells the weather.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
    }
]


class City(pydantic.BaseModel):
    city: str
    days: int


@pytest.fixture(scope="module")
def aimock(node_modules: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server of aimock's, as strict as it can be; its port."""
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": FIXTURES}))
    config = {"strict": True, "auth": {"apiKeys": [PROVIDER_KEY]}, "llm": {"fixtures": str(folder / "fixtures.json")}}
    (folder / "aimock.json").write_text(json.dumps(config))
    process = Process(["--config", str(folder / "aimock.json")], {}, folder, command=(NODE, AIMOCK))
    try:
        process.wait_until(lambda: "listening on http" in process.printed, "listening")
        port = int(process.printed.strip().rpartition(":")[2])
        yield port
        assert process.stop() == 0, process.log
    finally:
        process.kill()
    assert_gone(process, [port])


@pytest.fixture(scope="module")
def mocked(aimock: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    rows = [
        {
            "id": f"{protocol}{suffix}",
            "protocol": protocol,
            "base_url": f"http://{HOST}:{aimock}" + ("/v1" if protocol == "openai" else ""),
            "api_keys": [key],
            "models": [model],
        }
        for protocol, model in MODELS.items()
        for suffix, key in (("", PROVIDER_KEY), ("-locked", "sk-wrong"))
    ]
    with running(tmp_path_factory.mktemp("mocked"), {"providers": rows}) as stack:
        yield stack


@pytest.fixture
def client(mocked: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mocked.base_url, api_key=mocked.key, max_retries=0) as client:
        yield client


@pytest.fixture(params=MODELS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(protocol: str) -> str:
    return f"{protocol}/{MODELS[protocol]}"


Ask = Callable[..., Any]


@pytest.fixture(params=["whole", "streamed"])
def ask(request: pytest.FixtureRequest, client: openai.OpenAI) -> Ask:
    """Asks, by a whole answer or by one that the SDK puts together; returns the completion either way."""

    def streamed(said: Any, **fields: Any) -> Any:
        with client.chat.completions.stream(**asked(said), **fields, stream_options={"include_usage": True}) as stream:
            for _ in stream:
                pass
            # Not `get_final_completion()`, which raises where a limit ended the answer.
            return stream.current_completion_snapshot

    def whole(said: Any, **fields: Any) -> Any:
        return client.chat.completions.create(**asked(said), **fields)

    return streamed if request.param == "streamed" else whole


def asked(said: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": said}] if isinstance(said, str) else said}


def understood(aimock: int) -> dict[str, Any]:
    """Returns the last request as aimock understood it, in OpenAI's words."""
    with Rest(aimock, PROVIDER_KEY) as rest:
        body: dict[str, Any] = rest.get("/__aimock/journal").json[-1]["body"]
    return body


def called(message: Any) -> list[tuple[str, str, Any]]:
    return [(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ()]


def used(completion: Any) -> tuple[int, int, int]:
    usage = completion.usage
    return usage.prompt_tokens, usage.completion_tokens, usage.total_tokens


ANSWERS: list[tuple[str, str | None, str | None, int, str]] = [
    ("Say it.", TEXT, None, 0, "stop"),
    ("Think.", TEXT, REASONING, 0, "stop"),
    ("Say too much.", TEXT, None, 0, "length"),
    ("One city?", None, None, 1, "tool_calls"),
    ("Two cities?", None, None, 2, "tool_calls"),
    ("Think about two cities.", None, REASONING, 2, "tool_calls"),
]


@pytest.mark.parametrize(("said", "text", "reasoning", "calls", "finish"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_is_the_same_under_each_protocol(
    ask: Ask, protocol: str, model: str, said: str, text: str | None, reasoning: str | None, calls: int, finish: str
) -> None:
    completion = ask(said, model=model, tools=TOOLS)

    [choice] = completion.choices
    assert completion.model == model
    assert choice.message.role == "assistant"
    assert choice.message.content == text
    assert getattr(choice.message, "reasoning_content", None) == reasoning
    assert called(choice.message) == CALLS[:calls]
    assert choice.finish_reason == finish
    assert used(completion) == (11, 7, 18)


CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Who are you?"},
    {"role": "assistant", "content": "A mock."},
    {"role": "user", "content": "Say it."},
]


def test_a_request_is_understood_the_same_under_each_protocol(ask: Ask, model: str, aimock: int) -> None:
    ask(CONVERSATION, model=model, tools=TOOLS, max_tokens=99, extra_body={"temperature": 0.5})

    request = understood(aimock)
    assert request["messages"] == CONVERSATION
    assert request["temperature"] == 0.5
    assert request.get("max_tokens", request.get("max_completion_tokens")) == 99
    # Gemini's `parametersJsonSchema` is not known to aimock, which reads only `parameters`.
    assert [tool["function"]["name"] for tool in request["tools"]] == ["get_weather"]


@pytest.mark.parametrize(
    ("said", "effort", "sent_back"),
    [
        ("Two cities?", {}, {"role", "content", "tool_calls"}),
        ("Think about two cities.", {"reasoning_effort": "low"}, {"role", "tool_calls", "reasoning_details"}),
        ("Think about two cities.", {"reasoning_effort": "low"}, {"role", "tool_calls"}),
    ],
    ids=["without thoughts", "with its thoughts", "with its thoughts left out"],
)
def test_the_results_of_tools_go_back(
    ask: Ask, model: str, aimock: int, said: str, effort: dict[str, Any], sent_back: set[str]
) -> None:
    """As Anthropic, aimock refuses to think where a call has come back without the thoughts that led to it."""
    answered = ask(said, model=model, tools=TOOLS, **effort).choices[0].message.to_dict()
    first = {field: value for field, value in answered.items() if field in sent_back}
    results = [
        {"role": "tool", "tool_call_id": id_, "content": f'{{"sky": "sunny", "where": "{arguments["city"]}"}}'}
        for id_, _, arguments in CALLS
    ]
    question = {"role": "user", "content": said}

    completion = ask([question, first, *results], model=model, tools=TOOLS, **effort)

    assert completion.choices[0].message.content == "Sunny in both."
    assert completion.choices[0].finish_reason == "stop"
    asked, calls, *answers = understood(aimock)["messages"]
    assert asked == question
    assert [(call["id"], json.loads(call["function"]["arguments"])) for call in calls["tool_calls"]] == [
        (id_, arguments) for id_, _, arguments in CALLS
    ]
    assert [(each["tool_call_id"], json.loads(each["content"])) for each in answers] == [
        (each["tool_call_id"], json.loads(each["content"])) for each in results
    ]


def test_structured_output_is_parsed(client: openai.OpenAI, model: str) -> None:
    request: Any = {**asked("Give me JSON."), "model": model, "response_format": City}

    whole = client.chat.completions.parse(**request)
    with client.chat.completions.stream(**request) as stream:
        streamed = stream.get_final_completion()

    expected = City(city="Zürich", days=3)
    assert [answer.choices[0].message.parsed for answer in (whole, streamed)] == [expected, expected]


ERRORS: list[tuple[str, str, type[openai.APIStatusError], int, str, str | None, str | None]] = [
    ("Fail with 400.", "", openai.BadRequestError, 400, "invalid_request_error", None, None),
    ("Fail with 429.", "", openai.RateLimitError, 429, "rate_limit_error", "rate_limit_exceeded", "7"),
    ("Fail with 500.", "", openai.InternalServerError, 502, "server_error", "provider_error", None),
    ("Say it.", "-locked", openai.InternalServerError, 502, "server_error", "provider_credentials", None),
]


@pytest.mark.parametrize(
    ("said", "door", "exception", "status", "kind", "code", "retry_after"),
    ERRORS,
    ids=[row[0] + row[1] for row in ERRORS],
)
def test_an_error_is_the_same_under_each_protocol(
    ask: Ask,
    protocol: str,
    said: str,
    door: str,
    exception: type[openai.APIStatusError],
    status: int,
    kind: str,
    code: str | None,
    retry_after: str | None,
) -> None:
    with pytest.raises(openai.APIStatusError) as failed:
        ask(said, model=f"{protocol}{door}/{MODELS[protocol]}")

    error = failed.value
    assert type(error) is exception
    assert (error.status_code, error.type) == (status, kind)
    assert error.code == code or status == 400  # where Gemini alone has a word of its own
    assert error.response.headers.get("retry-after") == retry_after
    assert ("mocked" in error.message) == (not door)


def test_a_stream_that_breaks_off_is_an_error(client: openai.OpenAI, model: str) -> None:
    with (
        client.chat.completions.stream(**asked("Break off."), model=model) as stream,
        pytest.raises(openai.APIError) as failed,
    ):
        stream.until_done()

    assert (failed.value.type, failed.value.code) == ("server_error", "provider_bad_response")
    said = stream.current_completion_snapshot.choices[0].message.content or ""
    assert TEXT.startswith(said)
    assert said != TEXT
