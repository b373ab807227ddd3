"""`arouter.yaml`: what is read, and how a mistake is named."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from arouter.config.load import ConfigError, load_config, parse_config
from arouter.config.provider_schema import Timeouts
from arouter.config.schema import Config
from arouter.config.secret import Secret

WHOLE = """
providers:
  - id: openai
    protocol: openai
    base_url: http://127.0.0.1:9001/v1
    api_keys: ["${KEY}", "x-${KEY}-y"]
    models: [gpt-5.4]
    timeouts: {connect: 1}
timeouts: {total: 30}
server: {drain_grace: 3}
gateway: {cors: {allow_origins: ["https://app.example.com"]}}
"""


ALIASES = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in pairwise("abcdefghij")
)
"""Ten lines that stand for ten billion numbers."""


def test_a_gateway_needs_no_variables_of_providers_but_its_own() -> None:
    config = parse_config(WHOLE, {}, needs_providers=False)

    assert config.providers[0].timeouts.connect == 1
    with pytest.raises(ConfigError, match=r"allow_origins\[0\]: environment variable ORIGIN is not set"):
        parse_config("gateway: {cors: {allow_origins: ['${ORIGIN}']}}", {}, needs_providers=False)


def test_reads_a_whole_file_with_variables() -> None:
    config = parse_config(WHOLE, {"KEY": "secret"})

    provider = config.providers[0]
    assert (provider.id, provider.base_url, provider.models) == ("openai", "http://127.0.0.1:9001/v1", ("gpt-5.4",))
    assert provider.api_keys == (Secret("secret"), Secret("x-secret-y"))
    assert provider.timeouts.over(config.timeouts) == Timeouts(connect=1, total=30)
    assert config.timeouts.total == 30
    assert config.server.drain_grace == 3
    assert config.gateway.cors.allow_origins == ("https://app.example.com",)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "providers: []"])
def test_needs_nothing(text: str) -> None:
    assert parse_config(text, {}) == Config()


def test_a_secret_shows_itself_nowhere() -> None:
    config = parse_config(WHOLE, {"KEY": "canary"})

    assert "canary" not in repr(config)
    assert "canary" not in f"{config.providers[0].api_keys} {config.providers[0].api_keys[0]}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("providers: [\n", "line 2: not valid YAML"),
        ("a: b: c\n", "line 1: not valid YAML"),
        ("- a list\n", "Expected `object`"),
        ("provider: []\n", "unknown field 'provider'; did you mean 'providers'?"),
        (
            "providers:\n  - id: openai\n    base_ulr: x\n",
            "providers[0]: unknown field 'base_ulr'; did you mean 'base_url'?",
        ),
        ("a: b\na: c\n", "line 1: not valid YAML: duplicate key 'a'"),
        ("false\n", "Expected `object`, got `bool`"),
        ("server: &a\n  tls: *a\n", "line 1: not valid YAML: recursive alias"),
        (ALIASES, "line 6: not valid YAML: the aliases expand to too many nodes"),
        ("providers:\n  - {id: x, models: []}\n", "providers[0].models: Expected `array` of length >= 1"),
        (
            "providers:\n  - {id: x, api_keys: ['${KEY:-default}']}\n",
            "providers[0].api_keys[0]: only ${NAME} is supported",
        ),
        (
            "providers:\n  - {id: x, models: [{name: m, input_modalities: [smell]}]}\n",
            "providers[0].models[0].input_modalities[0]: Invalid enum value 'smell'",
        ),
        (
            "providers:\n  - {id: x, models: [{name: m, prices: {prompt: -1, completion: 1}}]}\n",
            "providers[0].models[0].prices.prompt: Expected `float` >= 0.0",
        ),
        ("providers:\n  - {}\n", "providers[0]: Object missing required field `id`"),
        ("providers:\n  - id: [1]\n", "providers[0].id: Expected `str`"),
        ("providers:\n  - id: Open AI\n", "providers[0].id: expected lower-case letters"),
        ("providers:\n  - {id: x, protocol: soap}\n", "'soap'; expected one of openai, anthropic, gemini"),
        ("providers:\n  - {id: x, base_url: 'ftp://x'}\n", "providers[0].base_url: expected an http"),
        ("providers:\n  - {id: x, base_url: 'http://user:pw@host/v1'}\n", "providers[0].base_url: "),
        ("providers:\n  - {id: x, api_keys: ['']}\n", "providers[0].api_keys[0]: "),
        ("providers:\n  - {id: x, api_keys: [7]}\n", "providers[0].api_keys[0]: "),
        ("providers:\n  - id: a\n  - id: a\n", "providers[1].id: 'a' is already providers[0]"),
        ("timeouts: {idle: 0}\n", "timeouts.idle: "),
        ("timeouts: {idle: soon}\n", "timeouts.idle: Expected `float`, got `str`"),
        ("server: {drain_grace: -1}\n", "server.drain_grace: "),
        ("server: {tls: {key: k}}\n", "server.tls: Object missing required field `certificate`"),
        ("server: {tls: {certificate: '', key: k}}\n", "server.tls.certificate: "),
        ("gateway: {tls: {certificate: c, key: k, ca: c}}\n", "gateway.tls: unknown field 'ca'"),
        ("gateway: {service_tls: {ca: c}}\n", "gateway.service_tls: Object missing required field `server_name`"),
        (
            "gateway: {service_tls: {ca: c, server_name: s, key: k}}\n",
            "gateway.service_tls: certificate and key must be set together",
        ),
        (
            "accounts: {workloads: [{spiffe_id: 'spiffe://a/b', account: a}]}\n",
            "accounts.workloads: requires server.tls.client_ca",
        ),
        (
            "accounts: {workloads: [{spiffe_id: https://a/b, account: a}]}\n",
            "accounts.workloads[0].spiffe_id: expected a SPIFFE id like spiffe://",
        ),
        ("accounts: {workloads: [{spiffe_id: 'spiffe://a', account: a}]}\n", "accounts.workloads[0].spiffe_id: "),
        ("accounts: {workloads: [{spiffe_id: 'spiffe://a/*', account: a}]}\n", "accounts.workloads[0].spiffe_id: "),
        (
            "accounts: {workloads: [&w {spiffe_id: 'spiffe://a/b', account: a}, *w]}\n",
            "accounts.workloads[1].spiffe_id: 'spiffe://a/b' is already accounts.workloads[0]",
        ),
        (
            "providers:\n  - id: x\n    api_keys: ['${MISSING}']\n",
            "providers[0].api_keys[0]: environment variable MISSING is not set",
        ),
    ],
)
def test_names_the_line_or_the_path(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, {})

    assert said in str(caught.value)


def test_never_shows_what_a_variable_held() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("providers:\n  - {id: x, base_url: '${KEY}'}\n", {"KEY": "canary"})

    assert "canary" not in str(caught.value)


def test_names_the_file(tmp_path: Path) -> None:
    bad = tmp_path / "arouter.yaml"
    bad.write_text("timeouts: 5\n")

    with pytest.raises(ConfigError, match=r"arouter.yaml: timeouts: "):
        load_config(bad, {})
    with pytest.raises(ConfigError, match=r"missing.yaml: No such file.*AROUTER_CONFIG"):
        load_config(tmp_path / "missing.yaml", {})
    bad.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(bad, {})


def test_reads_no_pipe_and_no_flood(tmp_path: Path) -> None:
    pipe, flood = tmp_path / "pipe.yaml", tmp_path / "flood.yaml"
    os.mkfifo(pipe)
    flood.write_text("#" * (4 * 1024 * 1024 + 1))

    with pytest.raises(ConfigError, match=r"pipe.yaml: not a file"):
        load_config(pipe, {})
    with pytest.raises(ConfigError, match=r"flood.yaml: more than 4194304 bytes"):
        load_config(flood, {})


@pytest.mark.parametrize(
    "url", ["http://proxy:3128", "http://proxy.example.org/", "http://me:p%40ss@10.0.0.1:3128", "http://[::1]:3128"]
)
def test_a_proxy_may_have_credentials(url: str) -> None:
    config = parse_config("server: {https_proxy: '${HTTPS_PROXY}'}", {"HTTPS_PROXY": url})

    assert config.server.https_proxy == Secret(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy:3128",
        "socks5://proxy",
        "proxy:3128",
        "http://a b",
        "http://p/x?y",
        "http://p:x",
        "http://p:65536",
        "http://a/b@p",
    ],
)
def test_another_proxy_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config("server: {https_proxy: '${HTTPS_PROXY}'}", {"HTTPS_PROXY": url})

    assert str(refused.value).startswith("server.https_proxy: expected a URL like http://user:password@")
    assert url not in str(refused.value)


def test_a_gateway_does_not_need_the_proxy() -> None:
    assert parse_config("server: {https_proxy: '${HTTPS_PROXY}'}", {}, needs_providers=False).server.https_proxy
