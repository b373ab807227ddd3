"""Which providers are on, and with what."""

from __future__ import annotations

import pytest

from arouter.config.environment import Environment, read_environment
from arouter.config.load import ConfigError, parse_config
from arouter.config.schema import Config
from arouter.providers.provider import Provider, build_providers, wants_local_model


def build(yaml: str, variables: dict[str, str] | None = None) -> dict[str, Provider]:
    environment = read_environment(variables or {})
    return {provider.id: provider for provider in build_providers(parse_config(yaml, {}), environment)}


def test_a_preset_is_on_when_its_key_variable_is_set() -> None:
    openai = build("", {"OPENAI_API_KEY": "sk-1"})["openai"]

    assert (openai.base_url, openai.models) == ("https://api.openai.com/v1", None)
    assert openai.headers == {"authorization": "Bearer sk-1"}
    assert build("") == {}


def test_the_configuration_overrides_the_preset() -> None:
    row = "providers: [{id: openai, base_url: 'http://127.0.0.1:1/v1/', models: [a], timeouts: {idle: 3}}]"

    openai = build(row, {"OPENAI_API_KEY": "sk-1"})["openai"]

    assert (openai.base_url, openai.models, openai.timeouts.idle) == ("http://127.0.0.1:1/v1", ("a",), 3)
    assert openai.headers == {"authorization": "Bearer sk-1"}
    assert build("providers: [{id: openai, api_keys: []}]", {"OPENAI_API_KEY": "sk-1"})["openai"].headers == {}


def test_an_unknown_provider_needs_a_base_url() -> None:
    with pytest.raises(ConfigError, match="provider 'mine' needs a base_url"):
        build("providers: [{id: mine}]")


def test_a_provider_never_shows_its_key() -> None:
    openai = build("", {"OPENAI_API_KEY": "sk-canary"})["openai"]

    assert "sk-canary" not in repr(openai)
    assert openai.redact("bad key sk-canary!") == "bad key [redacted]!"


@pytest.mark.parametrize(
    ("yaml", "variables", "wanted"),
    [
        ("", {}, True),
        ("", {"OPENAI_API_KEY": "sk-1"}, False),
        ("providers: [{id: mine, base_url: 'http://x/v1'}]", {}, False),
        ("providers: [{id: mine, base_url: 'http://x/v1'}, {id: local}]", {}, True),
        ("providers: [{id: local, base_url: 'http://x/v1'}]", {}, False),
    ],
)
def test_the_embedded_model_runs_when_named_or_when_nothing_else_is_there(
    yaml: str, variables: dict[str, str], wanted: bool
) -> None:
    assert wants_local_model(parse_config(yaml, {}), read_environment(variables)) is wanted


def test_the_embedded_model_is_where_up_says_it_is() -> None:
    environment: Environment = read_environment({"AROUTER_LOCAL_URL": "http://127.0.0.1:5"})

    (local,) = build_providers(Config(), environment)

    assert (local.id, local.base_url, local.models) == ("local", "http://127.0.0.1:5/v1", ("smollm2-135m-instruct",))
