"""Derives the gateway's settings from ARouter's configuration."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from arouter.chat.request import MAX_BODY_BYTES
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config, ServiceTlsConfig, TlsConfig
from arouter_gateway.cors import LOCAL_ORIGINS
from arouter_gateway.render import GatewaySettings
from arouter_gateway.tls import GatewayTls, ServiceTls

_MARGIN = 60.0
"""Seconds by which the gateway's timeouts exceed the service's, because the service's errors are more specific."""

_FROM_FILE = ("max_connections", "stream_idle_timeout", "idle_timeout", "cors_allow_origins")
"""The settings from `arouter.yaml`; the others come from the environment."""


def gateway_settings(config: Config, environment: Environment, *, is_local: bool = False) -> GatewaySettings:
    """Returns the gateway's settings.

    Args:
        config: The content of `arouter.yaml`.
        environment: The environment.
        is_local: Whether pages from the same machine may call if the configuration names no origins. This gives them
            no access: they still need a key.

    Raises:
        ConfigError: A setting is invalid for the gateway.
    """
    origins = config.gateway.cors.allow_origins
    if origins is None:
        origins = LOCAL_ORIGINS if is_local else ()
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
            # A unary call sends nothing before its end.
            stream_idle_timeout=config.longest_call + _MARGIN,
            tls=_gateway_tls(config.gateway.tls),
            service_tls=_service_tls(config.gateway.service_tls),
            cors_allow_origins=origins,
        )
    except ValueError as error:
        in_file = environment.config_path is not None and str(error).startswith(_FROM_FILE)
        file = f"{environment.config_path}: " if in_file else ""
        raise ConfigError(f"{file}gateway: {error}") from error


def _collector(environment: Environment) -> tuple[str, int] | None:
    """Returns the target of the gateway's traces; None for a TLS target, for which Envoy would need a CA."""
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
    # Envoy's working directory differs from that of the author of the configuration.
    return Path(text).absolute()


def _optional_path(text: str | None) -> Path | None:
    return None if text is None else _path(text)
