"""Writes a batch of usage records, so that one record that the database rejects does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from arouter.errors import StoreError
from arouter.usage.record import UsageRecord

BATCH = 500
"""Maximum of records in one transaction."""

_log = logging.getLogger(__name__)

Write = Callable[[Sequence[UsageRecord]], Awaitable[int]]
"""Writes records in one transaction and returns how many of them were new to the database."""


async def write_batch(records: Sequence[UsageRecord], together: Write, singly: Write) -> tuple[int, int]:
    """Returns how many records were written, and how many the database rejected.

    Args:
        records: The batch.
        together: Called first, with all records.
        singly: Called with each record if `together` fails; some records may have been written already.

    Raises:
        StoreError: The database is not available.
    """
    try:
        return await together(records), 0
    except StoreError:
        raise
    except Exception:
        _log.exception("a batch of usage records could not be written; they are written one by one")
    written = lost = 0
    for record in records:
        try:
            written += await singly([record])
        except StoreError:
            raise
        except Exception:
            lost += 1
            _log.exception("the usage record of %s is lost", record.generation_id)
    return written, lost
