"""The providers' lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables of the catalogue."""
    op.create_table(
        "catalogue_providers",
        sa.Column("provider", sa.String(255), primary_key=True),
        sa.Column("synced_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "catalogue_models",
        sa.Column("provider", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(1024), primary_key=True),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger),
        sa.Column("details", sa.Text, nullable=False),
    )
