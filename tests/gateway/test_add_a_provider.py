"""Adding a provider that speaks OpenAI's protocol takes configuration only: what `docs/add-a-provider.md` shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import yaml

from arouter.providers.presets import PRESETS
from emulator import Emulator
from emulator.answers import TEXT, TOOL_CALLS, USAGE
from support.docs import blocks
from support.stack import PROVIDER_KEY, Stack, running

PAGE = "docs/add-a-provider.md"
ADDRESS = "https://llm.acme.example/v1"
VARIABLE = "ACME_API_KEY"
MESSAGES: Any = [{"role": "user", "content": "hi"}]
EXAMPLE, REFUSING = (text for kind, text in blocks(PAGE) if kind == "yaml")


@pytest.fixture(scope="module")
def acme(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`arouter up` with the page's example, in which only the address is another."""
    assert EXAMPLE.count(ADDRESS) == 1
    config = yaml.safe_load(EXAMPLE.replace(ADDRESS, provider.base_url))
    with running(tmp_path_factory.mktemp("acme"), config, environment={VARIABLE: PROVIDER_KEY}) as stack:
        yield stack


@pytest.fixture(scope="module")
def refusing(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`arouter up` with the page's example of a server that refuses what others take."""
    config = yaml.safe_load(REFUSING.replace(ADDRESS, provider.base_url))
    with running(tmp_path_factory.mktemp("refusing"), config, environment={VARIABLE: PROVIDER_KEY}) as stack:
        yield stack


@pytest.fixture
def client(acme: Stack, emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=acme.base_url, api_key=acme.key, max_retries=0) as client:
        yield client


def test_the_example_is_of_a_provider_that_nothing_else_knows() -> None:
    [row] = yaml.safe_load(EXAMPLE)["providers"]

    assert row["id"] == "acme"
    assert row["id"] not in PRESETS
    assert row["api_keys"] == [f"${{{VARIABLE}}}"]
    assert any(f"export {VARIABLE}=" in text for kind, text in blocks(PAGE) if kind == "sh")


def test_its_models_are_listed(client: openai.OpenAI, emulator: Emulator) -> None:
    listed = list(client.models.list())

    assert {model.id for model in listed} == {f"acme/{name}" for name in emulator.models}
    assert {model.owned_by for model in listed} == {"acme"}


def test_they_answer_whole(client: openai.OpenAI, emulator: Emulator) -> None:
    answer = client.chat.completions.create(model="acme/text", messages=MESSAGES)

    assert answer.choices[0].message.content == TEXT
    assert answer.model == "acme/text"
    assert answer.usage == USAGE
    assert emulator.calls[-1].headers["authorization"] == f"Bearer {PROVIDER_KEY}"


def test_they_answer_streamed(client: openai.OpenAI, emulator: Emulator) -> None:
    with client.chat.completions.stream(model="acme/text", messages=MESSAGES) as stream:
        answer = stream.get_final_completion()

    assert answer.choices[0].message.content == TEXT
    assert answer.model == "acme/text"
    assert emulator.calls[-1].headers["authorization"] == f"Bearer {PROVIDER_KEY}"


def test_what_arouter_does_not_know_passes_both_ways(client: openai.OpenAI, emulator: Emulator) -> None:
    unknown = {"top_k": 40, "vendor": {"z": 1, "a": None}}
    message: Any = client.chat.completions.create(model="acme/reasoning", messages=MESSAGES, extra_body=unknown)

    assert {field: emulator.calls[-1].json[field] for field in unknown} == unknown
    assert message.choices[0].message.reasoning_content


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called(client: openai.OpenAI, stream: bool) -> None:
    request: dict[str, Any] = {"model": "acme/tools", "messages": MESSAGES}
    if stream:
        with client.chat.completions.stream(**request) as chunks:
            calls: Any = chunks.get_final_completion().choices[0].message.tool_calls
    else:
        calls = client.chat.completions.create(**request).choices[0].message.tool_calls

    assert tuple((call.id, call.function.name, call.function.arguments) for call in calls) == TOOL_CALLS


def test_a_server_that_refuses_what_others_take(refusing: Stack, emulator: Emulator) -> None:
    call = {
        "id": "call_b4a41f4fba5d8e2963a7b4d5",
        "type": "function",
        "function": {"name": "fs.read", "arguments": "{}"},
    }
    messages = [
        {"role": "developer", "content": "be brief", "name": "n", "cache_control": {"type": "ephemeral"}},
        *MESSAGES,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "r"},
    ]
    with refusing.rest() as rest:
        answer = rest.chat(
            {"model": "acme/text", "messages": messages, "max_completion_tokens": 9, "logit_bias": {"1": 2}, "top_k": 3}
        )

    assert answer.status == 200, answer.body
    assert answer.headers["x-arouter-dropped-params"] == "logit_bias, messages[].cache_control"
    sent = emulator.calls[-1].json
    assert {name: value for name, value in sent.items() if name != "messages"} == {
        "model": "text",
        "max_tokens": 9,
        "top_k": 3,
    }
    rules, _, calling, result = sent["messages"]
    assert rules == {"role": "system", "content": "be brief", "name": "n"}
    assert re.fullmatch("call[a-zA-Z0-9]{8}", calling["tool_calls"][0]["id"])
    assert re.fullmatch("fs_read_[0-9a-f]{8}", calling["tool_calls"][0]["function"]["name"])
    assert result["tool_call_id"] == calling["tool_calls"][0]["id"]
