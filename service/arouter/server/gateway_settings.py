"""What the gateway is told of ARouter's configuration."""

from __future__ import annotations

from pathlib import Path

from arouter.chat.request import MAX_BODY_BYTES
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config, ServiceTlsConfig, TlsConfig
from arouter_gateway.render import GatewaySettings
from arouter_gateway.tls import GatewayTls, ServiceTls

_MARGIN = 60.0
"""Seconds that the gateway waits longer than the service: whoever knows why it took too long is to say so."""


def gateway_settings(config: Config, environment: Environment) -> GatewaySettings:
    """Returns the gateway's settings.

    Raises:
        ConfigError: The gateway cannot take one of them.
    """
    try:
        return GatewaySettings(
            listen_address=environment.listen_address,
            port=environment.port,
            admin_socket=environment.gateway_admin,
            metrics_port=environment.gateway_metrics_port,
            services=environment.services,
            max_request_bytes=MAX_BODY_BYTES,
            max_connections=config.gateway.max_connections,
            stream_idle_timeout=_longest_call(config) + _MARGIN,
            tls=_gateway_tls(config.gateway.tls),
            service_tls=_service_tls(config.gateway.service_tls),
            cors_allow_origins=config.gateway.cors.allow_origins,
        )
    except ValueError as error:
        raise ConfigError(f"gateway: {error}") from error


def _gateway_tls(tls: TlsConfig | None) -> GatewayTls | None:
    if tls is None:
        return None
    return GatewayTls(_path(tls.certificate), _path(tls.key), _optional_path(tls.client_ca))


def _service_tls(tls: ServiceTlsConfig | None) -> ServiceTls | None:
    if tls is None:
        return None
    return ServiceTls(_path(tls.ca), tls.server_name, _optional_path(tls.certificate), _optional_path(tls.key))


def _path(text: str) -> Path:
    # Envoy's own folder is another than that of whoever wrote the configuration.
    return Path(text).absolute()


def _optional_path(text: str | None) -> Path | None:
    return None if text is None else _path(text)


def _longest_call(config: Config) -> float:
    """Returns how many seconds a call may be silent: one that is not streamed says nothing until its end."""
    rows = (row.timeouts.over(config.timeouts) for row in config.providers)
    return max(timeouts.total for timeouts in (config.timeouts, *rows))
