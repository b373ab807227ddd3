"""Keys written straight into a database, as the management API would."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert, update

from arouter.accounts.audit import Actor
from arouter.accounts.keys import hash_secret
from arouter.accounts.prefixes import LIVE_PREFIX
from arouter.sql.revision import sqlite_path
from arouter.sql.tables import directory, keys

ACTOR = Actor("cli", label="a test")
"""What makes changes where it does not matter."""


def key_row(hash_: str, **columns: Any) -> dict[str, Any]:
    """Returns a row of `keys`: a regular key without limits, but for what is given."""
    return {
        "hash": hash_,
        "name": "test",
        "label": "lr_live_…test",
        "key_type": "regular",
        "account": "default",
        "disabled": False,
        "created_at": 0,
        "updated_at": 0,
        **columns,
    }


def add_key(state_dir: Path, **columns: Any) -> str:
    """Puts a key into the SQLite file of a running service and returns its secret; it is taken within a second."""
    secret = LIVE_PREFIX + secrets.token_hex(16)
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(sqlite_path(state_dir), timeout=10))
    with engine.begin() as connection:
        raised = update(directory).values(revision=directory.c.revision + 1).returning(directory.c.revision)
        revision = connection.execute(raised).scalar_one()
        connection.execute(insert(keys).values(key_row(hash_secret(secret), revision=revision, **columns)))
    engine.dispose()
    return secret
