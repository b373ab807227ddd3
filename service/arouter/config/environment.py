"""The environment variables. No other module reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from arouter.config.load import ConfigError
from arouter.config.secret import Secret


class Environment(Struct, frozen=True):
    """What the environment says.

    Attributes:
        config_path: `AROUTER_CONFIG`, or None: no file is needed.
        port: `AROUTER_PORT`, the gateway's port.
        grpc_port: `AROUTER_GRPC_PORT`, the service's port.
        state_dir: `AROUTER_STATE_DIR`, where ARouter keeps what must survive a restart.
        key: `AROUTER_KEY`, what a client calls with, or None: the development key.
        dev_key: `AROUTER_DEV_KEY`, or None: one is made and kept in the state folder.
        mgmt_key: `AROUTER_MGMT_KEY`, the operator's management key, or None.
        database_url: `AROUTER_DATABASE_URL`, or None: an SQLite file in the state folder.
        redis_url: `AROUTER_REDIS_URL`, Valkey or Redis, where limits are counted, or None: in each process.
        local_url: `AROUTER_LOCAL_URL`, where the embedded model listens; set by `arouter up`.
        variables: All of them, for `${VAR}` in the configuration and the providers' usual key variables.
    """

    config_path: Path | None
    port: int
    grpc_port: int
    state_dir: Path
    key: Secret | None
    dev_key: Secret | None
    mgmt_key: Secret | None
    database_url: Secret | None
    redis_url: Secret | None
    local_url: str | None
    variables: Mapping[str, str]


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Returns the environment, checked.

    Raises:
        ConfigError: A port is not a port.
    """
    env = dict(os.environ if variables is None else variables)
    config_path = env.get("AROUTER_CONFIG")
    key = env.get("AROUTER_KEY")
    dev_key = env.get("AROUTER_DEV_KEY")
    mgmt_key = env.get("AROUTER_MGMT_KEY")
    database_url = env.get("AROUTER_DATABASE_URL")
    redis_url = env.get("AROUTER_REDIS_URL")
    return Environment(
        config_path=Path(config_path) if config_path else None,
        port=_port(env, "AROUTER_PORT", 8080),
        grpc_port=_port(env, "AROUTER_GRPC_PORT", 50051),
        state_dir=Path(env.get("AROUTER_STATE_DIR") or "var"),
        key=Secret(key) if key else None,
        dev_key=Secret(dev_key) if dev_key else None,
        mgmt_key=Secret(mgmt_key) if mgmt_key else None,
        database_url=Secret(database_url) if database_url else None,
        redis_url=Secret(redis_url) if redis_url else None,
        local_url=env.get("AROUTER_LOCAL_URL") or None,
        variables=env,
    )


def keep_grpc_out_of_forks() -> None:
    """Tells grpc, before it is imported, that nobody forks to go on using it: else it warns of every child we start."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65_535:
        raise ConfigError(f"{name}: expected a port between 1 and 65535, got {text!r}")
    return int(text)
