"""What a row of `arouter.yaml` says of a provider's quirks, over what its preset has."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson
import pytest

from arouter.chat.request import ChatRequest
from arouter.config.environment import read_environment
from arouter.config.load import ConfigError, parse_config
from arouter.config.quirks import MembersConfig, QuirksConfig
from arouter.providers.adapter import WireRequest
from arouter.providers.presets import PRESETS
from arouter.providers.provider import Provider, build_providers
from arouter.providers.quirks import Quirks
from arouter.providers.vendor_members import Members

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "hi"}


def built(quirks: str, id_: str = "mine", more: str = "") -> Provider:
    row = f"providers: [{{id: {id_}, base_url: 'http://127.0.0.1/v1', quirks: {quirks} {more}}}]"
    (provider,) = build_providers(parse_config(row, {}), read_environment({}))
    return provider


def encode(provider: Provider, body: Json, *, stream: bool = False) -> tuple[Json, WireRequest]:
    request = ChatRequest({"model": "m", "messages": [USER], **body}, stream=stream, include_usage=False)
    wire = provider.adapter.encode(request, "m")
    sent = orjson.loads(wire.body or b"")
    del sent["model"]
    if sent["messages"] == [USER]:
        del sent["messages"]
    return sent, wire


def test_a_row_may_say_all_that_a_preset_may() -> None:
    assert set(QuirksConfig.__struct_fields__) == {field.name for field in fields(Quirks)}
    assert set(MembersConfig.__struct_fields__) == {field.name for field in fields(Members)}


@pytest.mark.parametrize(
    ("id_", "quirks", "body", "sent", "dropped"),
    [
        ("mine", "{refuses: [n]}", {"n": 2, "x": 1}, {"x": 1}, ("n",)),
        ("x-ai", "{refuses: ['*', n]}", {"n": 2, "stop": "a"}, {}, ("n", "stop")),
        ("x-ai", "{refuses: []}", {"stop": "a"}, {"stop": "a"}, ()),
        ("mine", "{parameters: [top_p]}", {"top_p": 1, "n": 2}, {"top_p": 1}, ("n",)),
        ("groq", "{parameters: ['*', newest]}", {"newest": 1, "seed": 2, "x": 3}, {"newest": 1, "seed": 2}, ("x",)),
        ("groq", "{parameters: null}", {"x": 3}, {"x": 3}, ()),
        ("mine", "{renames: {max_tokens: length}}", {"max_tokens": 3}, {"length": 3}, ()),
        ("openai", "{no_developer_role: true}", {"max_tokens": 3}, {"max_completion_tokens": 3}, ()),
        ("mistralai", "{tool_ids: null, tool_names: null}", {"seed": 1}, {"random_seed": 1}, ()),
    ],
)
def test_parameters(id_: str, quirks: str, body: Json, sent: Json, dropped: tuple[str, ...]) -> None:
    found, wire = encode(built(quirks, id_), body)

    assert (found, wire.dropped) == (sent, dropped)


def test_members_by_place() -> None:
    message = {**USER, "name": "n", "vendor": 1, "cache_control": {"type": "ephemeral"}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}, "vendor": 1}
    quirks = "{members: {allowed: {'messages[]': [name], 'tools[].function': []}}}"

    sent, wire = encode(built(quirks), {"messages": [message], "tools": [tool]})

    assert sent["messages"] == [{**USER, "name": "n"}]
    assert sent["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}, "vendor": 1}]
    assert wire.dropped == ("messages[].cache_control", "messages[].vendor", "tools[].function.strict")


def test_members_beside_those_of_the_preset() -> None:
    message = {**USER, "name": "n", "cache_control": {"type": "ephemeral"}, "reasoning_details": [1]}

    sent, _ = encode(built("{members: {taken: ['*'], refused: [name]}}", "openrouter"), {"messages": [message]})

    assert sent["messages"] == [{name: value for name, value in message.items() if name != "name"}]


def test_a_list_of_parameters_without_stream_options_asks_for_none() -> None:
    sent, wire = encode(built("{parameters: [seed]}"), {"seed": 1}, stream=True)

    assert (sent, wire.dropped) == ({"seed": 1, "stream": True}, ())


def test_the_same_quirks_make_an_equal_provider_and_others_another() -> None:
    one = "{refuses: [n], tool_ids: {pattern: '[a-zA-Z0-9]{9}', length: 9}}"

    assert built(one) == built(one)
    assert built(one).is_where(built(one))
    assert not built(one).is_where(built("{refuses: [n]}"))


def test_a_key_may_have_a_header_of_its_own() -> None:
    provider = built("{key_header: api-key}", more=", api_keys: [k]")

    assert provider.credentials[0].headers == {"api-key": "k"}


@pytest.mark.parametrize(
    ("quirks", "said"),
    [
        ("{refused: [n]}", r"providers\[0\].quirks: unknown field 'refused'"),
        (
            "{no_developer_rolle: true}",
            r"providers\[0\].quirks: unknown field .*; did you mean 'no_developer_role'",
        ),
        ("{refuses: n}", r"providers\[0\].quirks.refuses: Expected `array`"),
        ("{reasoning: thoughts}", r"providers\[0\].quirks.reasoning: Invalid enum value 'thoughts'; expected one of"),
        ("{key_header: 'a b'}", r"providers\[0\].quirks.key_header: expected letters"),
        ("{tool_ids: {length: 9}}", r"providers\[0\].quirks.tool_ids: .* missing required field `pattern`"),
        ("{tool_ids: {pattern: '['}}", r"providers\[0\]: quirks.tool_ids.pattern: not a regular expression"),
        ("{tool_ids: {pattern: '[a-z]{9}', length: 9}}", r"quirks.tool_ids: ids generated .* do not match the pattern"),
        ("{tool_names: {pattern: '[a-z]+'}}", r"quirks.tool_names.pattern: generated names"),
        (
            "{members: {allowed: {messages: [a]}}}",
            r"quirks.members.allowed: unknown place 'messages'; expected one",
        ),
        ("{members: {allowed: {'messages[]': ['*']}}}", r"quirks.members.allowed.messages\[\]: '\*' stands for"),
        ("{members: {refused: [content]}}", r"quirks.members.refused: 'content' cannot be left out"),
        ("{refuses: [model]}", r"quirks.refuses: 'model' cannot be left out"),
        ("{renames: {messages: input}}", r"quirks.renames.messages: 'messages' cannot be renamed"),
        ("{renames: {n: n}}", r"quirks.renames.n: maps a parameter to itself"),
        ("{renames: {n: m, m: o}}", r"quirks.renames.n: 'm' is itself renamed"),
        ("{renames: {n: m}, refuses: [n]}", r"quirks.renames.n: is also in 'refuses'"),
        ("{renames: {n: m}, parameters: [n]}", r"quirks.renames.n: 'm' is not in 'parameters'"),
    ],
)
def test_a_mistake_is_named_with_its_place(quirks: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        built(quirks)


def test_other_protocols_have_no_quirks() -> None:
    with pytest.raises(ConfigError, match="quirks: only supported with protocol 'openai'"):
        built("{refuses: [n]}", more=", protocol: gemini")


@pytest.mark.parametrize("id_", [id_ for id_, preset in PRESETS.items() if preset.quirks])
def test_a_row_that_says_nothing_of_it_has_the_quirks_of_its_preset(id_: str) -> None:
    with_none = parse_config(f"providers: [{{id: {id_}, base_url: 'http://127.0.0.1/v1'}}]", {})

    assert build_providers(with_none, read_environment({}))[0].adapter == built("{}", id_).adapter
