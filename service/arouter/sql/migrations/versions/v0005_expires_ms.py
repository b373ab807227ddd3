"""When a key expires, to the millisecond."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("keys", sa.Column("expires_ms", sa.Integer))
