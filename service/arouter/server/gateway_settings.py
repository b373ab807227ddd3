"""What the gateway is told of ARouter's configuration."""

from __future__ import annotations

from arouter.chat.request import MAX_BODY_BYTES
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config
from arouter_gateway.render import GatewaySettings


def gateway_settings(config: Config, environment: Environment) -> GatewaySettings:
    """Returns the gateway's settings.

    Raises:
        ConfigError: The gateway cannot take one of them.
    """
    try:
        return GatewaySettings(
            port=environment.port,
            service_port=environment.grpc_port,
            max_request_bytes=MAX_BODY_BYTES,
            max_connections=config.gateway.max_connections,
            stream_idle_timeout=config.gateway.stream_idle_timeout,
            cors_allow_origins=config.gateway.cors.allow_origins,
        )
    except ValueError as error:
        raise ConfigError(f"gateway: {error}") from error
