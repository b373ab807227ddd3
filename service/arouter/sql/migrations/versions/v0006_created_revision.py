"""The order in which keys were created."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the column. For existing keys the value comes from the audit log, as far back as that goes."""
    op.add_column("keys", sa.Column("created_revision", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE keys SET created_revision = COALESCE((SELECT MIN(revision) FROM audit_events "
        "WHERE audit_events.key_hash = keys.hash AND audit_events.action = 'create'), 0)"
    )
