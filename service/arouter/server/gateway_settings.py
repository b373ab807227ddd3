"""What the gateway is told of ARouter's configuration."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from arouter.chat.request import MAX_BODY_BYTES
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config, ServiceTlsConfig, TlsConfig
from arouter_gateway.render import GatewaySettings
from arouter_gateway.tls import GatewayTls, ServiceTls

_MARGIN = 60.0
"""Seconds that the gateway waits longer than the service: whoever knows why it took too long is to say so."""

_FROM_FILE = ("max_connections", "stream_idle_timeout", "idle_timeout", "cors_allow_origins")
"""The settings that `arouter.yaml` says; the others are from the environment."""


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
            idle_timeout=config.gateway.idle_timeout,
            collector=_collector(environment),
            trace_ratio=environment.trace_ratio,
            # A call that is not streamed is silent until its end.
            stream_idle_timeout=config.longest_call + _MARGIN,
            tls=_gateway_tls(config.gateway.tls),
            service_tls=_service_tls(config.gateway.service_tls),
            cors_allow_origins=config.gateway.cors.allow_origins,
        )
    except ValueError as error:
        in_file = environment.config_path is not None and str(error).startswith(_FROM_FILE)
        file = f"{environment.config_path}: " if in_file else ""
        raise ConfigError(f"{file}gateway: {error}") from error


def _collector(environment: Environment) -> tuple[str, int] | None:
    """Returns where the gateway's traces go. To one that wants TLS they do not: Envoy would need to be told its CA."""
    url = urlsplit(environment.collector or "")
    if url.scheme != "http" or not url.hostname or not url.port:
        return None
    return url.hostname, url.port


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
