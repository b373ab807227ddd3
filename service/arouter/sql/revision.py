"""The revision of a database's schema. Imports no library: `arouter serve` checks it before it starts anything."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from arouter.config.load import ConfigError

HEAD = "0006"
"""The revision that this release needs; a test compares it with Alembic's head."""


_SCHEMA = Path(__file__).with_name("sqlite_schema.sql")


def is_head(revision: str | None) -> bool:
    """Returns whether a database of that revision can be used as it is; otherwise it must be migrated.

    Raises:
        ConfigError: The database belongs to a newer release.
    """
    if revision is not None and revision > HEAD:
        raise ConfigError(
            f"the database has schema {revision}, which is newer than this ARouter's ({HEAD}): run the newer release"
        )
    return revision == HEAD


def sqlite_path(state_dir: Path) -> Path:
    """Returns the path of the default database."""
    return state_dir / "arouter.db"


def make_sqlite(path: Path) -> str | None:
    """Creates an SQLite file with the newest schema, for its owner only, if it is missing; returns its revision.

    Raises:
        ConfigError: The file cannot be created or read.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                # Another process may create the schema at the same time.
                with suppress(sqlite3.OperationalError):
                    connection.executescript(_SCHEMA.read_text("utf-8"))
            return _revision(connection)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror} (AROUTER_STATE_DIR moves it)") from error
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {error}") from error


def _revision(connection: sqlite3.Connection) -> str | None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return row[0] if row else None
