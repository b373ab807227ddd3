"""The tables. `migrations/` creates them; a test compares the two.

Times are whole seconds since the epoch, money is in nano-USD, lists are JSON.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

catalogue_providers = Table(
    "catalogue_providers",
    metadata,
    Column("provider", String(255), primary_key=True),
    # When its model list was last read; a provider whose list was never read has no row.
    Column("synced_at", BigInteger, nullable=False),
)

catalogue_models = Table(
    "catalogue_models",
    metadata,
    Column("provider", String(255), primary_key=True),
    Column("name", String(1024), primary_key=True),
    # Stays when the model leaves the list, so that it returns with the same `created`.
    Column("first_seen", BigInteger, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("created", BigInteger),
    # `arouter.models.ModelDetails` as JSON.
    Column("details", Text, nullable=False),
)

# Counts the changes of accounts and keys: a reader that remembers the number of its last poll finds what is newer. It
# is incremented first in each transaction, which serialises writers, so that readers miss no number.
directory = Table(
    "directory",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("providers", Text),
    Column("default_model", String(256)),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # Rows of removed accounts and keys stay: pollers learn of the removal from them, and records refer to them.
    Column("deleted_at", BigInteger),
    Column("revision", BigInteger, nullable=False, index=True),
)

keys = Table(
    "keys",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("label", String(32), nullable=False),
    Column("key_type", String(16), nullable=False),
    # None: the operator's management key.
    Column("account", String(64), ForeignKey("accounts.id"), index=True),
    Column("disabled", Boolean, nullable=False),
    Column("limit_nanos", BigInteger),
    Column("limit_reset", String(16)),
    Column("allowed_providers", Text),
    Column("allowed_models", Text),
    Column("requests_per_minute", Integer),
    Column("requests_per_day", Integer),
    Column("tokens_per_minute", Integer),
    Column("expires_at", BigInteger),
    # The milliseconds of `expires_at`.
    Column("expires_ms", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("revision", BigInteger, nullable=False, index=True),
    # `revision` when it was made, which orders the keys of one second; 0 where that is not known.
    Column("created_revision", BigInteger, nullable=False, server_default="0"),
)

# The changes of `accounts` and `keys`, written in the same transaction and never changed. There are no foreign keys:
# entries outlive what they name.
audit_events = Table(
    "audit_events",
    metadata,
    # `directory.revision` after the change, and a number among the changes of that transaction, from 0.
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    # In milliseconds, unlike other times.
    Column("created_ms", BigInteger, nullable=False),
    Column("action", String(16), nullable=False),
    Column("resource", String(16), nullable=False),
    # None: of an account.
    Column("key_hash", String(64)),
    Column("account", String(64)),
    # `arouter.accounts.audit.Actor` as JSON.
    Column("actor", Text, nullable=False),
    # The changed fields as JSON objects; None where there was, or is, nothing.
    Column("before", Text),
    Column("after", Text),
    Index("audit_events_by_time", "created_ms"),
    Index("audit_events_by_account", "account", "revision", "position"),
    Index("audit_events_by_key", "key_hash", "revision", "position"),
)

# One row for each attempt, never changed.
usage = Table(
    "usage",
    metadata,
    Column("generation_id", String(64), primary_key=True),
    # From 1; the last one succeeded, unless the call failed.
    Column("attempt", Integer, primary_key=True),
    Column("account", String(64)),
    Column("key_hash", String(64), nullable=False),
    Column("model", String(1024), nullable=False),
    Column("provider", String(255), nullable=False),
    # In milliseconds, unlike other times.
    Column("created_ms", BigInteger, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("first_token_ms", Integer),
    Column("status", String(32), nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("cache_write_tokens", Integer, nullable=False),
    Column("reasoning_tokens", Integer, nullable=False),
    Column("cost_nanos", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Index("usage_by_time", "created_ms"),
)

# Sums of `usage`, written in the same transaction; limits are restored from them, and summaries read them.
usage_daily = Table(
    "usage_daily",
    metadata,
    Column("day", Date, primary_key=True),
    Column("key_hash", String(64), primary_key=True),
    Column("model", String(1024), primary_key=True),
    Column("account", String(64), index=True),
    Column("requests", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost_nanos", BigInteger, nullable=False),
    Index("usage_daily_by_key", "key_hash", "day"),
)
