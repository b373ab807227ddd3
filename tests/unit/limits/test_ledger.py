"""Money in Valkey: what was asked for and not answered may come late, or after what was meant to undo it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import date
from itertools import permutations

import pytest

from arouter.config.secret import Secret
from arouter.limits.ledger import Hold, Ledger, Purse
from arouter.limits.store import Store
from arouter.limits.valkey import valkey_store
from support.valkey import ValkeyServer

BUCKET = 7
LIMIT = 1000
COST = 3


@pytest.fixture
async def store(valkey: ValkeyServer) -> AsyncIterator[Store]:
    store = valkey_store(Secret(valkey.url), 3600)
    yield store
    await store.close()


@pytest.fixture
def purse() -> Purse:
    return Purse(secrets.token_hex(32), date(1970, 1, 1))


async def standing(ledger: Ledger, purse: Purse) -> tuple[int, int]:
    found = await ledger.reserve(purse, Hold("look", BUCKET, 0), LIMIT, 0)
    return found.spent, found.held


async def do(ledger: Ledger, purse: Purse, hold: Hold, what: str, *, answered: bool) -> None:
    if what == "reserve":
        await ledger.reserve(purse, hold, LIMIT, 0)
    elif what == "settle":
        await ledger.settle(purse, hold, COST, 0, answered)
    else:
        await ledger.give_back(purse, hold)


@pytest.mark.parametrize("order", list(permutations(["settle", "give back", "give back"])))
async def test_a_settled_hold_ends_once(store: Store, purse: Purse, order: tuple[str, ...]) -> None:
    """Whatever comes first, a hold ends once, the others stay, and the cost counts once or is left to the database."""
    ledger, hold = store.ledger, Hold("mine", BUCKET, 10)
    await ledger.reserve(purse, Hold("another", BUCKET, 5), LIMIT, 0)
    await ledger.reserve(purse, hold, LIMIT, 0)

    for what in order:
        await do(ledger, purse, hold, what, answered=True)

    assert await standing(ledger, purse) == (COST if order[0] == "settle" else 0, 5)


@pytest.mark.parametrize("order", list(permutations(["reserve", "settle", "give back"])))
async def test_an_unanswered_reservation_may_come_last(store: Store, purse: Purse, order: tuple[str, ...]) -> None:
    """A reservation that takes place after it was settled or given back holds nothing."""
    ledger, hold = store.ledger, Hold("mine", BUCKET, 10)
    await ledger.reserve(purse, Hold("another", BUCKET, 5), LIMIT, 0)

    for what in order:
        await do(ledger, purse, hold, what, answered=False)

    cost_counts = order.index("settle") < order.index("give back")
    assert await standing(ledger, purse) == (COST if cost_counts else 0, 5)


async def test_a_call_settled_after_the_store_forgot_takes_nothing_from_others(
    store: Store, purse: Purse, valkey: ValkeyServer
) -> None:
    """What another call holds in the same bucket stays held when a call ends that the store no longer knows."""
    ledger, old = store.ledger, Hold("old", BUCKET, 10)
    await ledger.reserve(purse, old, LIMIT, 0)
    valkey.command("FLUSHALL")
    await ledger.reserve(purse, Hold("new", BUCKET, 5), LIMIT, 0)

    await ledger.settle(purse, old, COST, 0, True)

    assert await standing(ledger, purse) == (COST, 5)


async def test_what_a_killed_process_had_reserved_expires(store: Store, purse: Purse) -> None:
    """It counts in its own bucket and the next one; a bucket ahead counts, too."""
    ledger = store.ledger
    await ledger.reserve(purse, Hold("killed", BUCKET, LIMIT), LIMIT, 0)

    for bucket, admitted in ((BUCKET - 1, False), (BUCKET + 1, False), (BUCKET + 2, True)):
        found = await ledger.reserve(purse, Hold(f"in {bucket}", bucket, 0), LIMIT, 0)
        assert found.admitted is admitted
