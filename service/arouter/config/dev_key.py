"""The development key: what lets a laptop's user in without any set-up."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from arouter.config.environment import Environment
from arouter.config.load import ConfigError
from arouter.config.secret import Secret

KEY_PREFIX = "lr_live_"


def development_key(environment: Environment) -> Secret:
    """Returns `AROUTER_DEV_KEY`, else the key kept in the state folder, which is made on first use with mode 0600.

    Raises:
        ConfigError: The state folder cannot be written, or the key there has been damaged.
    """
    if environment.dev_key is not None:
        return _checked(environment.dev_key.reveal(), "AROUTER_DEV_KEY")
    path = environment.state_dir / "dev_key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create_once(path)
        return _checked(path.read_text("ascii").strip(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot keep the development key: {error} (AROUTER_STATE_DIR moves it)") from error


def _create_once(path: Path) -> None:
    """Writes a new key unless there is one. Two processes that start together agree on the first one's."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(f"{KEY_PREFIX}{secrets.token_urlsafe(32)}\n", "ascii")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _checked(key: str, source: str) -> Secret:
    if not key.startswith(KEY_PREFIX) or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{source}: a key starts with {KEY_PREFIX} and has only printable ASCII characters")
    return Secret(key)
