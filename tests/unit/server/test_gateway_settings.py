"""What the gateway is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from arouter.config.environment import read_environment
from arouter.config.load import ConfigError, parse_config
from arouter.server.gateway_settings import gateway_settings
from arouter_gateway.tls import GatewayTls, ServiceTls


def test_the_gateway_waits_longer_than_any_provider_may_take() -> None:
    config = parse_config("timeouts: {total: 5}\nproviders: [{id: a}, {id: b, timeouts: {total: 900}}]", {})

    assert gateway_settings(config, read_environment({})).stream_idle_timeout > 900
    assert gateway_settings(parse_config("", {}), read_environment({})).stream_idle_timeout > 600


@pytest.mark.parametrize(
    ("endpoint", "collector"),
    [
        ("http://collector:4317", ("collector", 4317)),
        ("http://[::1]:4317/", ("::1", 4317)),
        ("https://collector:4317", None),
        ("", None),
    ],
)
def test_the_gateway_traces_where_the_service_does_without_tls(
    endpoint: str, collector: tuple[str, int] | None
) -> None:
    environment = read_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})

    assert gateway_settings(parse_config("", {}), environment).collector == collector


def test_paths_of_certificates_do_not_depend_on_where_envoy_runs() -> None:
    tls, service_tls = "{certificate: a/c, key: a/k}", "{ca: /b/ca, server_name: s}"
    config = parse_config(f"gateway: {{tls: {tls}, service_tls: {service_tls}}}", {})

    settings = gateway_settings(config, read_environment({}))

    assert settings.tls == GatewayTls(Path.cwd() / "a/c", Path.cwd() / "a/k")
    assert settings.service_tls == ServiceTls(Path("/b/ca"), "s")


def test_a_key_elsewhere_than_its_certificate_is_refused() -> None:
    config = parse_config("gateway: {tls: {certificate: a/c, key: b/k}}", {})

    with pytest.raises(ConfigError, match=r"^gateway: tls: certificate and key are watched together"):
        gateway_settings(config, read_environment({}))
