"""What the gateway is told."""

from __future__ import annotations

import pytest

from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.server.gateway_settings import gateway_settings


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
