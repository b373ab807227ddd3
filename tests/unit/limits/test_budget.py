"""Money in Valkey: what was asked for and not answered may come late, or after what was meant to undo it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import date
from itertools import permutations

import pytest

from arouter.config.secret import Secret
from arouter.limits.budget import BudgetPeriod, Hold
from arouter.limits.valkey import ValkeyBudgets, ValkeyStore
from support.valkey import ValkeyServer

BUCKET = 7
LIMIT = 1000
COST = 3


@pytest.fixture
async def store(valkey: ValkeyServer) -> AsyncIterator[ValkeyStore]:
    store = ValkeyStore(Secret(valkey.url), 3600)
    yield store
    await store.valkey.close()


@pytest.fixture
def period() -> BudgetPeriod:
    return BudgetPeriod(secrets.token_hex(32), date(1970, 1, 1))


async def result(budgets: ValkeyBudgets, period: BudgetPeriod) -> tuple[int, int]:
    found = await budgets.reserve(period, Hold("look", BUCKET, 0), LIMIT, 0)
    return found.spent, found.held


async def do(budgets: ValkeyBudgets, period: BudgetPeriod, hold: Hold, what: str, *, answered: bool) -> None:
    if what == "reserve":
        await budgets.reserve(period, hold, LIMIT, 0)
    elif what == "settle":
        await budgets.settle(period, hold, COST, 0, answered)
    else:
        await budgets.give_back(period, hold)


@pytest.mark.parametrize("order", list(permutations(["settle", "give back", "give back"])))
async def test_a_settled_hold_ends_once(store: ValkeyStore, period: BudgetPeriod, order: tuple[str, ...]) -> None:
    """Whatever comes first, a hold ends once, the others stay, and the cost counts once or is left to the database."""
    budgets, hold = store.budgets, Hold("mine", BUCKET, 10)
    await budgets.reserve(period, Hold("another", BUCKET, 5), LIMIT, 0)
    await budgets.reserve(period, hold, LIMIT, 0)

    for what in order:
        await do(budgets, period, hold, what, answered=True)

    assert await result(budgets, period) == (COST if order[0] == "settle" else 0, 5)


@pytest.mark.parametrize("order", list(permutations(["reserve", "settle", "give back"])))
async def test_an_unanswered_reservation_may_come_last(
    store: ValkeyStore, period: BudgetPeriod, order: tuple[str, ...]
) -> None:
    """A reservation that takes place after it was settled or given back holds nothing."""
    budgets, hold = store.budgets, Hold("mine", BUCKET, 10)
    await budgets.reserve(period, Hold("another", BUCKET, 5), LIMIT, 0)

    for what in order:
        await do(budgets, period, hold, what, answered=False)

    cost_counts = order.index("settle") < order.index("give back")
    assert await result(budgets, period) == (COST if cost_counts else 0, 5)


async def test_a_call_settled_after_the_store_forgot_takes_nothing_from_others(
    store: ValkeyStore, period: BudgetPeriod, valkey: ValkeyServer
) -> None:
    """What another call holds in the same bucket stays held when a call ends that the store no longer knows."""
    budgets, old = store.budgets, Hold("old", BUCKET, 10)
    await budgets.reserve(period, old, LIMIT, 0)
    valkey.command("FLUSHALL")
    await budgets.reserve(period, Hold("new", BUCKET, 5), LIMIT, 0)

    await budgets.settle(period, old, COST, 0, True)

    assert await result(budgets, period) == (COST, 5)


async def test_what_a_killed_process_had_reserved_expires(store: ValkeyStore, period: BudgetPeriod) -> None:
    """It counts in its own bucket and the next one; a bucket ahead counts, too."""
    budgets = store.budgets
    await budgets.reserve(period, Hold("killed", BUCKET, LIMIT), LIMIT, 0)

    for bucket, admitted in ((BUCKET - 1, False), (BUCKET + 1, False), (BUCKET + 2, True)):
        found = await budgets.reserve(period, Hold(f"in {bucket}", bucket, 0), LIMIT, 0)
        assert found.admitted is admitted
