"""The units in which accounts and keys are stored, and those that clients see.

Money is stored as integers in nano-USD (1e-9 USD) and shown in USD; times are stored in seconds since the epoch and
shown as in RFC 3339.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

NANOS = 1_000_000_000
"""Nano-USD in a USD. A token costs some hundreds of them; integers add up exactly in every database."""


def nanos_of(usd: float) -> int:
    """Returns an amount of USD in nano-USD, exactly as it is written in decimal."""
    return int((Decimal(repr(usd)) * NANOS).to_integral_value())


def usd_of(nanos: int) -> float:
    """Returns an amount of nano-USD in USD."""
    return nanos / NANOS


def rfc3339(seconds: float) -> str:
    """Returns a time in UTC, such as 2027-01-31T12:00:00Z or, with a fraction, 2027-01-31T12:00:00.500Z."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
