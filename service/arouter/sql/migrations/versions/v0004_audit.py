"""The audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "audit_events",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("resource", sa.String(16), nullable=False),
        sa.Column("key_hash", sa.String(64)),
        sa.Column("account", sa.String(64)),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    op.create_index("audit_events_by_time", "audit_events", ["created_ms"])
    op.create_index("audit_events_by_account", "audit_events", ["account", "revision", "position"])
    op.create_index("audit_events_by_key", "audit_events", ["key_hash", "revision", "position"])
