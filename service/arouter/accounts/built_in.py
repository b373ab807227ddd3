"""Keys that are in no database: the development key, the operator's management key, and those of workloads."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from msgspec.structs import replace

from arouter.accounts.keys import hash_secret, hash_workload
from arouter.accounts.prefixes import LIVE_PREFIX, MANAGEMENT_PREFIX, label_of
from arouter.accounts.records import Key, KeyType
from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.schema import Config
from arouter.config.secret import Secret

DEFAULT_ACCOUNT = "default"
"""The account that every database has from the start."""

_MIN_SECRET = 32
"""Minimum characters after the prefix of a management key that the operator has chosen."""


def built_in_keys(config: Config, environment: Environment) -> list[Key]:
    """Returns the keys that are in no database. With a shared database, there is no development key unless it is set.

    Raises:
        ConfigError: One of them is not a key.
    """
    keys = [workload_key(each.spiffe_id, each.account) for each in config.accounts.workloads]
    if environment.dev_key is not None or environment.database_url is None:
        keys.append(development_key(development_secret(environment).reveal()))
    if environment.mgmt_key is not None:
        keys.append(operator_key(_checked_management_key(environment.mgmt_key).reveal()))
    return keys


def development_key(secret: str) -> Key:
    """Returns the key that `arouter up` prints: of the account `default`, without restrictions."""
    return _built_in(secret, "Development key", "regular", DEFAULT_ACCOUNT)


def operator_key(secret: str) -> Key:
    """Returns the management key of `AROUTER_MGMT_KEY`, which belongs to no account."""
    return _built_in(secret, "AROUTER_MGMT_KEY", "management", None)


def workload_key(spiffe_id: str, account: str) -> Key:
    """Returns the key of a workload: of its account, without further restrictions."""
    key = _built_in(spiffe_id, spiffe_id, "regular", account)
    return replace(key, hash=hash_workload(spiffe_id), label=spiffe_id)


def development_secret(environment: Environment) -> Secret:
    """Returns `AROUTER_DEV_KEY`, else the key kept in the state folder, which is created on first use with mode 0600.

    Raises:
        ConfigError: The state folder cannot be written, or the key there has been damaged.
    """
    if environment.dev_key is not None:
        return _checked(environment.dev_key.reveal(), "AROUTER_DEV_KEY")
    path = development_key_path(environment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create_once(path)
        return _read(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot store the development key: {error} (AROUTER_STATE_DIR moves it)") from error


def check_keys(environment: Environment) -> None:
    """Checks the keys in the environment; it neither reads nor creates one in the state folder.

    Raises:
        ConfigError: One of them is not a key.
    """
    if environment.dev_key is not None:
        development_secret(environment)
    if environment.mgmt_key is not None:
        _checked_management_key(environment.mgmt_key)


def client_key(environment: Environment) -> Secret:
    """Returns the key that a client sends: `AROUTER_KEY`, else the development key, which it does not create.

    Raises:
        ConfigError: There is none, or it has been damaged.
    """
    if environment.key is not None:
        return _checked(environment.key.reveal(), "AROUTER_KEY")
    if environment.dev_key is not None:
        return _checked(environment.dev_key.reveal(), "AROUTER_DEV_KEY")
    path = development_key_path(environment)
    try:
        return _read(path)
    except OSError as error:
        raise ConfigError(
            f"no key in {path}; run this where ARouter was started, or pass --key or AROUTER_KEY"
        ) from error


def development_key_path(environment: Environment) -> Path:
    """Returns the path of the development key in the state folder."""
    return environment.state_dir / "dev_key"


def _read(path: Path) -> Secret:
    return _checked(path.read_text("utf-8", "replace").strip(), f"{path} (delete it to get a new key)")


def _create_once(path: Path) -> None:
    """Writes a new key unless there is one. Two processes that start together both use the first one's key."""
    if path.exists():
        return
    number, name = tempfile.mkstemp(dir=path.parent, prefix="dev_key.")  # mode 0600
    draft = Path(name)
    try:
        os.close(number)
        draft.write_text(f"{LIVE_PREFIX}{secrets.token_urlsafe(32)}\n", "ascii")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _checked_management_key(key: Secret) -> Secret:
    """Returns `AROUTER_MGMT_KEY` if it can be a key.

    Raises:
        ConfigError: It is not a key, or too easy to guess.
    """
    checked = _checked(key.reveal(), "AROUTER_MGMT_KEY", MANAGEMENT_PREFIX)
    if len(checked.reveal()) < len(MANAGEMENT_PREFIX) + _MIN_SECRET:
        raise ConfigError(f"AROUTER_MGMT_KEY: expected at least {_MIN_SECRET} characters after {MANAGEMENT_PREFIX}")
    return checked


def _checked(key: str, source: str, prefix: str = LIVE_PREFIX) -> Secret:
    if not key.startswith(prefix) or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{source}: a key starts with {prefix} and has only printable ASCII characters")
    return Secret(key)


def _built_in(secret: str, name: str, key_type: KeyType, account: str | None) -> Key:
    return Key(
        hash=hash_secret(secret),
        name=name,
        label=label_of(secret),
        key_type=key_type,
        account=account,
        created_at=0,
        updated_at=0,
    )
