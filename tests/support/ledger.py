"""The usage records of a stack, read from its SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def recorded(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of `usage`, oldest first."""
    with closing(sqlite3.connect(folder / "state" / "arouter.db")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM usage ORDER BY created_ms, attempt")]
