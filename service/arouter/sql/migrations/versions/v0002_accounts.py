"""Accounts, keys and usage."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the tables, with the account that the development key belongs to."""
    directory = op.create_table(
        "directory",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    accounts = op.create_table(
        "accounts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("providers", sa.Text),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "keys",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("label", sa.String(32), nullable=False),
        sa.Column("key_type", sa.String(16), nullable=False),
        sa.Column("account", sa.String(64), sa.ForeignKey("accounts.id"), index=True),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("limit_nanos", sa.BigInteger),
        sa.Column("limit_reset", sa.String(16)),
        sa.Column("allowed_providers", sa.Text),
        sa.Column("allowed_models", sa.Text),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("requests_per_day", sa.Integer),
        sa.Column("tokens_per_minute", sa.Integer),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "usage",
        sa.Column("generation_id", sa.String(64), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("account", sa.String(64)),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("model", sa.String(1024), nullable=False),
        sa.Column("provider", sa.String(255), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("latency_ms", sa.Integer, nullable=False),
        sa.Column("first_token_ms", sa.Integer),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("prompt_tokens", sa.Integer, nullable=False),
        sa.Column("completion_tokens", sa.Integer, nullable=False),
        sa.Column("cached_tokens", sa.Integer, nullable=False),
        sa.Column("cache_write_tokens", sa.Integer, nullable=False),
        sa.Column("reasoning_tokens", sa.Integer, nullable=False),
        sa.Column("cost_nanos", sa.BigInteger, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Index("usage_by_time", "created_ms"),
    )
    op.create_table(
        "usage_daily",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(1024), primary_key=True),
        sa.Column("account", sa.String(64), index=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_nanos", sa.BigInteger, nullable=False),
        sa.Index("usage_daily_by_key", "key_hash", "day"),
    )
    now = int(time.time())
    op.bulk_insert(directory, [{"id": 1, "revision": 1}])
    default = {"id": "default", "name": "Default", "disabled": False, "created_at": now, "updated_at": now}
    op.bulk_insert(accounts, [{**default, "revision": 1}])
