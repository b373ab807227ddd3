"""The development key, which gives access on a developer's machine without any set-up."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.secret import Secret

KEY_PREFIX = "lr_live_"
MANAGEMENT_PREFIX = "lr_mgmt_"
_SHORTEST = 32
"""Minimum length, after the prefix, of a management key from the environment."""


def development_key(environment: Environment) -> Secret:
    """Returns `AROUTER_DEV_KEY` or the key in the state folder, which is created on first use with mode 0600.

    Raises:
        ConfigError: The state folder cannot be written, or the key in it is invalid.
    """
    if environment.dev_key is not None:
        return _checked(environment.dev_key.reveal(), "AROUTER_DEV_KEY")
    path = development_key_path(environment)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create_once(path)
        return _read(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot keep the development key: {error} (AROUTER_STATE_DIR sets the folder)"
        ) from error


def check_keys(environment: Environment) -> None:
    """Validates the keys in the environment; does not read or create the key in the state folder.

    Raises:
        ConfigError: A key is invalid.
    """
    if environment.dev_key is not None:
        development_key(environment)
    if environment.mgmt_key is not None:
        checked_management_key(environment.mgmt_key)


def client_key(environment: Environment) -> Secret:
    """Returns the key for a client: `AROUTER_KEY` or the existing development key. Creates none.

    Raises:
        ConfigError: There is no key, or it is invalid.
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
    """Writes a new key unless one exists. Of processes that start at the same time, all use the first one's key."""
    if path.exists():
        return
    number, name = tempfile.mkstemp(dir=path.parent, prefix="dev_key.")  # mode 0600
    draft = Path(name)
    try:
        os.close(number)
        draft.write_text(f"{KEY_PREFIX}{secrets.token_urlsafe(32)}\n", "ascii")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def checked_management_key(key: Secret) -> Secret:
    """Returns `AROUTER_MGMT_KEY` after validation.

    Raises:
        ConfigError: The key is invalid or too short.
    """
    checked = _checked(key.reveal(), "AROUTER_MGMT_KEY", MANAGEMENT_PREFIX)
    if len(checked.reveal()) < len(MANAGEMENT_PREFIX) + _SHORTEST:
        raise ConfigError(f"AROUTER_MGMT_KEY: expected at least {_SHORTEST} characters after {MANAGEMENT_PREFIX}")
    return checked


def _checked(key: str, source: str, prefix: str = KEY_PREFIX) -> Secret:
    if not key.startswith(prefix) or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{source}: a key starts with {prefix} and has only printable ASCII characters")
    return Secret(key)
