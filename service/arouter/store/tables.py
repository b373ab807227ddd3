"""The tables. `migrations/` makes them; a test compares the two.

Times are whole seconds since the epoch.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, MetaData, String, Table, Text

metadata = MetaData()

catalogue_providers = Table(
    "catalogue_providers",
    metadata,
    Column("provider", String(255), primary_key=True),
    # When its own list was last read; a provider whose list never was has no row.
    Column("synced_at", BigInteger, nullable=False),
)

catalogue_models = Table(
    "catalogue_models",
    metadata,
    Column("provider", String(255), primary_key=True),
    Column("name", String(1024), primary_key=True),
    # Stays when the model leaves the list, so that it comes back with the same `created`.
    Column("first_seen", BigInteger, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("created", BigInteger),
    # `arouter.models.ModelDetails` as JSON.
    Column("details", Text, nullable=False),
)
