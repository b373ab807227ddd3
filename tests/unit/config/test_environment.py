"""The environment variables and the development key."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from arouter.accounts.built_in import development_secret
from arouter.config.environment import read_environment
from arouter.config.load import ConfigError


def test_has_a_default_for_everything() -> None:
    environment = read_environment({})

    assert (environment.port, environment.grpc_port, environment.state_dir) == (8080, 50051, Path("var"))
    assert (environment.config_path, environment.dev_key, environment.local_url) == (None, None, None)
    assert environment.redis_url is None
    assert (environment.health_port, environment.tls_ca, environment.tls_cert) == (None, None, None)


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "80 80", "٨٠"])
def test_names_the_variable_that_is_no_port(text: str) -> None:
    with pytest.raises(ConfigError, match="AROUTER_PORT: expected a port"):
        read_environment({"AROUTER_PORT": text})


def test_makes_a_development_key_once_and_keeps_it_to_its_owner(tmp_path: Path) -> None:
    environment = read_environment({"AROUTER_STATE_DIR": str(tmp_path / "state")})

    first, second = development_secret(environment), development_secret(environment)

    assert first == second
    assert first.reveal().startswith("lr_live_")
    assert len(first.reveal()) > 40
    assert stat.S_IMODE((tmp_path / "state" / "dev_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["dev_key"]


def test_takes_the_development_key_from_the_environment(tmp_path: Path) -> None:
    environment = read_environment({"AROUTER_STATE_DIR": str(tmp_path), "AROUTER_DEV_KEY": "lr_live_mine"})

    assert development_secret(environment).reveal() == "lr_live_mine"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["sk-other", "lr_live_ä", "lr_live_a b", "lr_live_\n"])
def test_refuses_a_key_that_no_header_could_carry(key: str) -> None:
    with pytest.raises(ConfigError, match="AROUTER_DEV_KEY: a key starts with lr_live_") as caught:
        development_secret(read_environment({"AROUTER_DEV_KEY": key}))

    assert key not in str(caught.value)


def test_says_when_the_state_folder_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="AROUTER_STATE_DIR"):
        development_secret(read_environment({"AROUTER_STATE_DIR": str(tmp_path / "file")}))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AROUTER_LOG_FORMAT": "xml"}, "AROUTER_LOG_FORMAT: expected json or console, got 'xml'"),
        ({"AROUTER_LOG_LEVEL": "loud"}, "AROUTER_LOG_LEVEL: expected one of debug, info, warning, error, critical"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT: expected http://host:port"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost"}, "OTEL_EXPORTER_OTLP_ENDPOINT: expected http://host:port"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:x"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: expected http"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: only grpc is supported, got 'http/protobuf'",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
            "OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got '10%'",
        ),
    ],
)
def test_names_the_variable_that_is_none_of_the_choices(variables: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_environment(variables)


def test_does_not_repeat_a_collector_with_a_password() -> None:
    with pytest.raises(ConfigError) as caught:
        read_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:secret@host:4317"})

    assert "secret" not in str(caught.value)


def test_sends_traces_only_where_a_collector_is_named() -> None:
    both = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4317", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://b:4317"}

    assert read_environment({}).collector is None
    assert read_environment(both).collector == "https://b:4317"
    assert read_environment({**both, "OTEL_SDK_DISABLED": "true"}).collector is None


@pytest.mark.parametrize(
    ("sampler", "argument", "ratio"),
    [
        (None, None, 1.0),
        ("parentbased_always_on", "0.5", 1.0),
        ("always_off", None, 0.0),
        ("traceidratio", "0.25", 0.25),
        ("parentbased_traceidratio", "0", 0.0),
        ("parentbased_traceidratio", None, 1.0),
    ],
)
def test_reads_the_share_of_traces_as_the_sdk_does(sampler: str | None, argument: str | None, ratio: float) -> None:
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}

    assert read_environment({name: value for name, value in variables.items() if value}).trace_ratio == ratio
