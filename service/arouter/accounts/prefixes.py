"""The prefixes by which a key's secret shows what it is for."""

from __future__ import annotations

LIVE_PREFIX = "lr_live_"
MANAGEMENT_PREFIX = "lr_mgmt_"
PREFIXES = (LIVE_PREFIX, MANAGEMENT_PREFIX)


def label_of(secret: str) -> str:
    """Returns what may be shown of a secret: its prefix and its last four characters."""
    prefix = next((known for known in PREFIXES if secret.startswith(known)), "")
    return f"{prefix}…{secret[-4:]}"
