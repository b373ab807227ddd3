"""The environment variables. No other module reads them."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from arouter.config.load import ConfigError
from arouter.config.secret import Secret

LogFormat: TypeAlias = Literal["json", "console"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_COLLECTOR = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOL = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class Environment(Struct, frozen=True):
    """The values of the environment variables.

    Attributes:
        config_path: `AROUTER_CONFIG`, or None: no configuration file.
        listen_address: `AROUTER_LISTEN_ADDRESS`, the IP address that the gateway and the service listen on.
        port: `AROUTER_PORT`, the gateway's port.
        grpc_port: `AROUTER_GRPC_PORT`, the service's port.
        health_port: `AROUTER_HEALTH_PORT`, the port of the health service in plain text, or None: disabled.
        channelz: `AROUTER_CHANNELZ`, the path of the Unix socket of channelz, or None: disabled.
        metrics_port: `AROUTER_METRICS_PORT`, the port of the service's metrics, or None: disabled.
        services: `AROUTER_SERVICES`, the addresses where the gateway reaches the service: pairs of host and port.
        gateway_admin: `AROUTER_GATEWAY_ADMIN`, the path of the Unix socket of Envoy's admin interface, or None:
        disabled.
        gateway_metrics_port: `AROUTER_GATEWAY_METRICS_PORT`, the port of the gateway's metrics, or None: disabled.
        state_dir: `AROUTER_STATE_DIR`, the folder of everything that must survive a restart.
        key: `AROUTER_KEY`, the key for client commands, or None: the development key.
        tls_ca: `AROUTER_TLS_CA`, the CA that client commands trust, or None: they connect in plain text.
        tls_cert: `AROUTER_TLS_CERT`, the certificate of client commands, or None.
        tls_key: `AROUTER_TLS_KEY`, the private key of `tls_cert`.
        dev_key: `AROUTER_DEV_KEY`, or None: one is created and kept in the state folder.
        mgmt_key: `AROUTER_MGMT_KEY`, the operator's management key, or None.
        database_url: `AROUTER_DATABASE_URL`, or None: an SQLite file in the state folder.
        redis_url: `AROUTER_REDIS_URL`, the Valkey or Redis server that counts limits, or None: each process counts its
        own.
        log_format: `AROUTER_LOG_FORMAT`; default `console` if stderr is a terminal, otherwise `json`.
        log_level: `AROUTER_LOG_LEVEL`, a level name of `logging`.
        collector: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT`, the target of traces, or None.
        trace_ratio: The share of traces to sample, from `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, 0 to 1.
        local_url: `AROUTER_LOCAL_URL`, the URL of the embedded model; set by `arouter up`.
        variables: All variables, for `${VAR}` in the configuration and the providers' usual key variables.
    """

    config_path: Path | None
    listen_address: str
    port: int
    grpc_port: int
    health_port: int | None
    channelz: Path | None
    metrics_port: int | None
    services: tuple[tuple[str, int], ...]
    gateway_admin: Path | None
    gateway_metrics_port: int | None
    state_dir: Path
    key: Secret | None
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    dev_key: Secret | None
    mgmt_key: Secret | None
    database_url: Secret | None
    redis_url: Secret | None
    log_format: LogFormat
    log_level: str
    collector: str | None
    trace_ratio: float
    local_url: str | None
    variables: Mapping[str, str]


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Returns the validated environment.

    Raises:
        ConfigError: A port, address or choice is invalid.
    """
    env = dict(os.environ if variables is None else variables)
    key = env.get("AROUTER_KEY")
    dev_key = env.get("AROUTER_DEV_KEY")
    mgmt_key = env.get("AROUTER_MGMT_KEY")
    database_url = env.get("AROUTER_DATABASE_URL")
    redis_url = env.get("AROUTER_REDIS_URL")
    grpc_port = _port(env, "AROUTER_GRPC_PORT", 50051)
    return Environment(
        config_path=_path(env, "AROUTER_CONFIG"),
        listen_address=_address(env, "AROUTER_LISTEN_ADDRESS", "127.0.0.1"),
        port=_port(env, "AROUTER_PORT", 8080),
        grpc_port=grpc_port,
        health_port=_optional_port(env, "AROUTER_HEALTH_PORT"),
        channelz=_path(env, "AROUTER_CHANNELZ"),
        metrics_port=_optional_port(env, "AROUTER_METRICS_PORT"),
        services=_services(env, "AROUTER_SERVICES", grpc_port),
        gateway_admin=_path(env, "AROUTER_GATEWAY_ADMIN"),
        gateway_metrics_port=_optional_port(env, "AROUTER_GATEWAY_METRICS_PORT"),
        state_dir=Path(env.get("AROUTER_STATE_DIR") or "var"),
        key=Secret(key) if key else None,
        tls_ca=_path(env, "AROUTER_TLS_CA"),
        tls_cert=_path(env, "AROUTER_TLS_CERT"),
        tls_key=_path(env, "AROUTER_TLS_KEY"),
        dev_key=Secret(dev_key) if dev_key else None,
        mgmt_key=Secret(mgmt_key) if mgmt_key else None,
        database_url=Secret(database_url) if database_url else None,
        redis_url=Secret(redis_url) if redis_url else None,
        log_format=_log_format(env, "AROUTER_LOG_FORMAT"),
        log_level=_log_level(env, "AROUTER_LOG_LEVEL"),
        collector=_collector(env),
        trace_ratio=_trace_ratio(env),
        local_url=env.get("AROUTER_LOCAL_URL") or None,
        variables=env,
    )


def keep_grpc_out_of_forks() -> None:
    """Disables grpc's fork support before it is imported; otherwise grpc warns of every child process."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


def _path(env: Mapping[str, str], name: str) -> Path | None:
    text = env.get(name)
    return Path(text) if text else None


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    return _optional_port(env, name) or default


def _optional_port(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name)
    return _as_port(name, text) if text else None


def _as_port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65_535:
        raise ConfigError(f"{name}: expected a port between 1 and 65535, got {text!r}")
    return int(text)


def _address(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name) or default
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ConfigError(f"{name}: expected an IP address, got {text!r}") from None
    return text


def _services(env: Mapping[str, str], name: str, grpc_port: int) -> tuple[tuple[str, int], ...]:
    text = env.get(name)
    if not text:
        return (("127.0.0.1", grpc_port),)
    pairs = []
    for pair in text.split(","):
        host, colon, port = pair.strip().rpartition(":")
        if not (host and colon):
            raise ConfigError(f"{name}: expected host:port, or several with commas between them, got {text!r}")
        pairs.append((host.removeprefix("[").removesuffix("]"), _as_port(name, port)))
    return tuple(pairs)


def _log_format(env: Mapping[str, str], name: str) -> LogFormat:
    match env.get(name):
        case "json" | "console" as form:
            return form
        case None | "":
            return "console" if sys.stderr.isatty() else "json"
        case text:
            raise ConfigError(f"{name}: expected json or console, got {text!r}")


def _log_level(env: Mapping[str, str], name: str) -> str:
    text = env.get(name) or "INFO"
    if text.upper() not in _LEVELS:
        raise ConfigError(f"{name}: expected one of {', '.join(_LEVELS).lower()}, got {text!r}")
    return text.upper()


def _collector(env: Mapping[str, str]) -> str | None:
    """Returns the target of traces.

    Rejects values that the SDK, which reads the variables again, would silently ignore.
    """
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    name = next((name for name in _COLLECTOR if env.get(name)), None)
    if name is None:
        return None
    protocol = next((env[name] for name in _PROTOCOL if env.get(name)), "grpc")
    if protocol != "grpc":
        raise ConfigError(f"{_PROTOCOL[-1]}: only grpc is supported, got {protocol!r}")
    url = urlsplit(env[name])
    try:
        good = url.scheme in ("http", "https") and url.hostname and url.port
    except ValueError:
        good = False
    if not good or url.username or url.password:
        raise ConfigError(f"{name}: expected http://host:port or https://host:port")
    return env[name]


def _trace_ratio(env: Mapping[str, str]) -> float:
    sampler = env.get("OTEL_TRACES_SAMPLER", "")
    if sampler.endswith("always_off"):
        return 0.0
    if not sampler.endswith("traceidratio"):
        return 1.0
    text = env.get("OTEL_TRACES_SAMPLER_ARG") or "1"
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        raise ConfigError(f"OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got {text!r}")
    return ratio
