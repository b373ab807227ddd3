"""Each wire protocol end to end: OpenAI's SDK in front, the golden answers of `tests/wire` behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from support.golden import KEY, WIRE, Golden, cases
from support.stack import Stack, running

PROTOCOLS = {"anthropic": "text", "gemini": "text"}
KEY_HEADERS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
MESSAGES: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def golden() -> Iterator[Golden]:
    with Golden() as server:
        yield server


@pytest.fixture(scope="module")
def translated(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    rows = [golden.row(protocol) for protocol in PROTOCOLS]
    with running(tmp_path_factory.mktemp("translated"), {"providers": rows}) as stack:
        yield stack


@pytest.fixture
def client(translated: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=translated.base_url, api_key=translated.key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_whole_answer_is_the_golden_one(client: openai.OpenAI, protocol: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=f"{protocol}/text", messages=MESSAGES)

    expected = json.loads((WIRE / protocol / "text" / "response.openai.json").read_text("utf-8"))
    answer = raw.parse()
    assert raw.headers["x-arouter-provider"] == protocol
    assert answer.model == f"{protocol}/text"
    assert answer.id.startswith("gen-")
    assert answer.choices[0].message.content == expected["choices"][0]["message"]["content"]
    assert answer.choices[0].finish_reason == expected["choices"][0]["finish_reason"]
    assert answer.usage is not None
    assert answer.usage.total_tokens == expected["usage"]["total_tokens"]


def called(tool_calls: Any) -> list[tuple[str, str, Any]]:
    return [(call.id, call.function.name, json.loads(call.function.arguments)) for call in tool_calls or ()]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", ["text", "tool_call", "reasoning"])
def test_a_streamed_answer_accumulates_to_the_whole_one(client: openai.OpenAI, protocol: str, case: str) -> None:
    model = f"{protocol}/{case}"
    whole = client.chat.completions.create(model=model, messages=MESSAGES).choices[0]
    with client.chat.completions.stream(model=model, messages=MESSAGES) as stream:
        streamed = stream.get_final_completion().choices[0]

    assert streamed.message.content == whole.message.content
    assert streamed.finish_reason == whole.finish_reason
    calls = [called(choice.message.tool_calls) for choice in (streamed, whole)]
    assert calls[0] == calls[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_key_goes_into_the_vendors_header_alone(client: openai.OpenAI, golden: Golden, protocol: str) -> None:
    client.chat.completions.create(model=f"{protocol}/text", messages=MESSAGES)

    path, headers, _ = golden.seen[-1]
    assert headers.pop(KEY_HEADERS[protocol]) == KEY
    assert KEY not in path + str(headers)


@pytest.mark.parametrize(
    ("protocol", "case"), [(protocol, case) for protocol in PROTOCOLS for case in cases(protocol, "error.wire.json")]
)
def test_an_error_is_the_golden_one(client: openai.OpenAI, protocol: str, case: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model=f"{protocol}/{case}", messages=MESSAGES)

    expected = json.loads((WIRE / protocol / case / "error.openai.json").read_text("utf-8"))
    assert refused.value.status_code == expected["status"]
    assert refused.value.response.json()["error"] == expected.get("body", expected)["error"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_protocol_cannot_say_is_named(client: openai.OpenAI, protocol: str) -> None:
    create = client.chat.completions.with_raw_response.create
    told = create(model=f"{protocol}/text", messages=MESSAGES, logit_bias={"1": 1}, extra_body={"models": ["a"]})

    assert told.headers["x-arouter-dropped-params"].split(", ") == ["models", "logit_bias"]
    with pytest.raises(openai.BadRequestError) as refused:
        create(
            model=f"{protocol}/text",
            messages=MESSAGES,
            logit_bias={"1": 1},
            extra_body={"provider": {"require_parameters": True}},
        )
    assert refused.value.param == "logit_bias"


def test_no_header_is_sent_where_nothing_was_dropped(client: openai.OpenAI) -> None:
    told = client.chat.completions.with_raw_response.create(model="anthropic/text", messages=MESSAGES)

    assert "x-arouter-dropped-params" not in told.headers
