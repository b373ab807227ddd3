"""The usage records of a stack, read from its SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from support.stack import Stack


def recorded(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of `usage`, oldest first."""
    with closing(sqlite3.connect(folder / "state" / "arouter.db")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM usage ORDER BY created_ms, attempt")]


def records_of(stack: Stack, count: int, model: str, **columns: Any) -> list[dict[str, Any]]:
    """Waits for a number of usage records of a model, and returns them."""

    def found() -> list[dict[str, Any]]:
        return [row for row in recorded(stack.folder) if row["model"] == model and columns.items() <= row.items()]

    stack.process.wait_until(lambda: len(found()) == count, "recorded")
    return found()
