"""Alembic's entry: `arouter.sql.schema` calls it with a connection."""

from __future__ import annotations

from alembic import context

from arouter.sql.tables import metadata

# SQLite cannot change a column in place; in batch mode Alembic copies the table.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
