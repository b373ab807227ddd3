"""Writes a batch of usage records so that one record which the database cannot hold does not cost the others theirs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from arouter.errors import StoreError
from arouter.usage.record import UsageRecord

BATCH = 500
"""Records that are written in one transaction."""

_log = logging.getLogger(__name__)

Write = Callable[[Sequence[UsageRecord]], Awaitable[int]]
"""Writes records in one transaction and returns how many of them the database did not have before."""


async def write_batch(records: Sequence[UsageRecord], together: Write, singly: Write) -> tuple[int, int]:
    """Returns how many records were written and how many the database cannot hold.

    Args:
        records: The batch.
        together: Tried first, with all of them.
        singly: Tried with each of them if that fails; some may be there already.

    Raises:
        StoreError: The database cannot be written now.
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
