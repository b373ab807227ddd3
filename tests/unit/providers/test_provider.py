"""Which providers are on, and with what."""

from __future__ import annotations

import re
import subprocess
import sys

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

    assert (openai.base_url, openai.models, openai.lists) == ("https://api.openai.com/v1", {}, True)
    assert openai.credentials[0].headers == {"authorization": "Bearer sk-1"}
    assert build("") == {}


def test_the_first_key_variable_wins() -> None:
    (google,) = build("", {"GEMINI_API_KEY": "k-2", "GOOGLE_API_KEY": "k-1"}).values()

    assert [key.reveal() for key in google.api_keys] == ["k-1"]


def test_the_configuration_overrides_the_preset() -> None:
    row = "providers: [{id: openai, base_url: 'http://127.0.0.1:1/v1/', models: [a], timeouts: {idle: 3}}]"

    openai = build(row, {"OPENAI_API_KEY": "sk-1"})["openai"]

    assert (openai.base_url, set(openai.models), openai.timeouts.idle) == ("http://127.0.0.1:1/v1", {"a"}, 3)
    assert openai.credentials[0].headers == {"authorization": "Bearer sk-1"}
    assert (
        build("providers: [{id: openai, api_keys: []}]", {"OPENAI_API_KEY": "sk-1"})["openai"].credentials[0].headers
        == {}
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("id: mine", "it is not a provider that ARouter knows"),
        ("id: local", "`arouter up` starts it"),
        ("id: azure", "AZURE_OPENAI_ENDPOINT is not set"),
        ("id: deepseek, protocol: anthropic", "ARouter knows its URL only for protocol 'openai'"),
    ],
)
def test_a_provider_whose_place_is_not_known_needs_a_base_url(row: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"provider .* needs a base_url: {re.escape(reason)}"):
        build(f"providers: [{{{row}}}]")


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("https://x.openai.azure.com", "https://x.openai.azure.com/openai/v1"),
        ("https://x.openai.azure.com/", "https://x.openai.azure.com/openai/v1"),
        ("https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com/openai/v1"),
        ("http://127.0.0.1:9/proxy", "http://127.0.0.1:9/proxy"),
    ],
)
def test_completes_the_url_in_a_variable(url: str, base_url: str) -> None:
    azure = build("", {"AZURE_OPENAI_ENDPOINT": url, "AZURE_OPENAI_API_KEY": "k"})["azure"]

    assert (azure.base_url, azure.credentials[0].headers) == (base_url, {"api-key": "k"})


@pytest.mark.parametrize(
    "url", ["x.openai.azure.com", "ftp://x", "https://", "https://u:p@x", "https://x?api-version=1"]
)
def test_refuses_a_variable_that_is_no_url(url: str) -> None:
    with pytest.raises(ConfigError, match="OLLAMA_BASE_URL: expected an http or https URL"):
        build("", {"OLLAMA_BASE_URL": url})


def test_the_configured_url_beats_the_variable() -> None:
    ollama = build("providers: [{id: ollama, base_url: 'http://a/v1'}]", {"OLLAMA_BASE_URL": "http://b"})["ollama"]

    assert ollama.base_url == "http://a/v1"


@pytest.mark.parametrize(
    ("protocol", "headers"),
    [
        ("openai", {"authorization": "Bearer k"}),
        ("anthropic", {"x-api-key": "k", "anthropic-version": "2023-06-01"}),
        ("gemini", {"x-goog-api-key": "k"}),
    ],
)
def test_a_provider_takes_configuration_only(protocol: str, headers: dict[str, str]) -> None:
    row = f"providers: [{{id: mine, name: Mine, protocol: {protocol}, base_url: 'http://x', api_keys: [k]}}]"

    mine = build(row)["mine"]

    assert (mine.name, mine.base_url, mine.credentials[0].headers) == ("Mine", "http://x", headers)


PRICES = "prices: {prompt: 1, completion: 2"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{id: mistralai}", "provider 'mistralai' needs a key: set MISTRAL_API_KEY, or its api_keys"),
        ("{id: x, base_url: 'http://host:port/v1'}", "'x': the base_url has no host or an invalid port"),
        ("{id: x, base_url: 'http://host:99999'}", "'x': the base_url has no host or an invalid port"),
        ("{id: x, base_url: 'http://:80'}", "'x': the base_url has no host or an invalid port"),
        ("{id: x, base_url: 'http://h', models: [a, b, a]}", "duplicate model 'a'"),
        ("{id: x, base_url: 'http://h', models: [a, {name: a}]}", "duplicate model 'a'"),
        (
            "{id: x, base_url: 'http://h', models: [{name: a, prices: {prompt: 0.000001, completion: 1}}]}",
            "prices must be in USD per million tokens, not per token",
        ),
        (
            f"{{id: x, base_url: 'http://h', models: [{{name: a, {PRICES}, tiers: ["
            "{above: 2, prompt: 1, completion: 1}, {above: 1, prompt: 1, completion: 1}]}}]}",
            "tiers must be in ascending order of 'above'",
        ),
    ],
)
def test_refuses_what_cannot_be_meant(row: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        build(f"providers: [{row}]")


@pytest.mark.parametrize(
    "row", ["{id: mistralai, base_url: 'http://proxy/v1'}", "{id: mistralai, api_keys: []}", "{id: ollama}"]
)
def test_a_key_may_be_missing_where_none_may_be_wanted(row: str) -> None:
    [provider] = build(f"providers: [{row}]").values()

    assert provider.api_keys == ()


def test_a_provider_without_a_name_has_its_id() -> None:
    assert build("providers: [{id: mine, base_url: 'http://x'}]")["mine"].name == "mine"


def test_an_adapter_is_imported_when_a_provider_uses_it() -> None:
    code = (
        "import sys; from arouter.config.environment import read_environment as read\n"
        "from arouter.config.schema import Config; from arouter.providers.provider import build_providers as build\n"
        "build(Config(), read({'OPENAI_API_KEY': 'k', 'GROQ_API_KEY': 'k'}))\n"
        "print([name for name in sys.modules if 'anthropic' in name or 'gemini' in name])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


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

    assert (local.id, local.base_url, set(local.models)) == (
        "local",
        "http://127.0.0.1:5/v1",
        {"smollm2-135m-instruct", "smollm2-135m-embeddings"},
    )


ROW = "providers: [{id: %s, base_url: 'http://x/v1', api_keys: [a], models: [m]}]"


@pytest.mark.parametrize("id_", ["openai", "anthropic", "mine"])
def test_the_same_row_makes_an_equal_provider(id_: str) -> None:
    assert build(ROW % id_) == build(ROW % id_)


@pytest.mark.parametrize(
    ("old", "new", "is_where"),
    [
        ("models: [m]", "models: [n]", True),
        ("models: [m]", "timeouts: {idle: 1}", True),
        ("http://x/v1", "http://x/v2", False),
        ("[a]", "[b]", False),
        ("[a]", "[]", False),
        ("models: [m]", "models: [m], protocol: gemini", False),
    ],
)
def test_another_row_makes_another(old: str, new: str, is_where: bool) -> None:
    """Elsewhere, or with other credentials, it is another for its health as well."""
    before, after = build(ROW % "mine")["mine"], build((ROW % "mine").replace(old, new))["mine"]

    assert before != after
    assert before.is_where(after) is is_where


def test_an_error_names_its_row_and_file() -> None:
    environment = read_environment({"AROUTER_CONFIG": "/etc/arouter.yaml"})
    rows = parse_config("providers: [{id: local, base_url: 'http://x'}, {id: x}]", {})

    with pytest.raises(ConfigError, match=r"^/etc/arouter\.yaml: providers\[1\]: provider 'x' needs a base_url"):
        build_providers(rows, environment)
