"""Accounts and keys in both databases: what is written is read, and others learn of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from arouter.accounts.built_in import development_key
from arouter.accounts.management import Management
from arouter.accounts.records import Account, Key, RateLimit, Spending
from arouter.accounts.repository import KeyQuery
from arouter.errors import ARouterError
from arouter.sql.database import Database
from arouter.sql.key_cache import SqlKeyCacheRepository
from arouter.sql.management import SqlManagementRepository
from arouter.sql.tables import usage_daily
from support.keys import ACTOR

ACME = Account("acme", "Acme", ("a", "b"), "x/é:nitro", disabled=False, created_at=5, updated_at=5)
KEY = Key(
    hash="a" * 64,
    name="Key – ключ",
    label="lr_live_…abcd",
    key_type="regular",
    account="acme",
    disabled=False,
    limit=2**62,
    limit_reset="weekly",
    allowed_providers=(),
    allowed_models=("a/*", "b"),
    rate_limit=RateLimit(1, None, 2**31 - 1),
    expires_at=253_402_300_799.999,
    created_at=7,
    updated_at=7,
)
BARE = replace(development_key("x"), hash="b" * 64, created_at=8, updated_at=8)
OPERATORS = replace(BARE, hash="c" * 64, key_type="management", account=None)
ALL = KeyQuery(account=None, include_disabled=True, before=None, offset=0, at_most=100)


@pytest.fixture
async def store(database: Database) -> SqlManagementRepository:
    store = SqlManagementRepository(database)
    assert await store.create_account(ACME, ACTOR)
    for key in (KEY, BARE, OPERATORS):
        assert await store.create_key(key, ACTOR)
    return store


@pytest.fixture
def directory(database: Database) -> SqlKeyCacheRepository:
    return SqlKeyCacheRepository(database)


async def test_a_key_is_kept_as_it_is(store: SqlManagementRepository) -> None:
    for key in (KEY, BARE, OPERATORS):
        assert await store.get_key(key.hash, None) == key


@pytest.mark.parametrize("expires_at", [5.0, 5.25, 0.001, None])
async def test_a_key_that_is_changed_expires_as_it_says(
    store: SqlManagementRepository, expires_at: float | None
) -> None:
    changed = await store.update_key(KEY.hash, None, {"expires_at": expires_at}, 9, ACTOR)

    assert changed is not None
    assert changed.expires_at == expires_at
    assert (await store.get_key(KEY.hash, None)) == changed


async def test_an_accounts_caller_finds_that_accounts_keys(store: SqlManagementRepository) -> None:
    assert await store.get_key(KEY.hash, "acme") == KEY
    assert await store.get_key(KEY.hash, "default") is None
    assert await store.get_key(OPERATORS.hash, "default") is None
    assert await store.update_key(KEY.hash, "default", {"disabled": True}, 9, ACTOR) is None
    assert not await store.delete_key(KEY.hash, "default", 9, ACTOR)
    assert await store.list_keys(ALL._replace(account="acme")) == [KEY]


async def test_only_what_is_set_changes(store: SqlManagementRepository) -> None:
    patch = {"limit": None, "allowed_models": None, "rate_limit": {"requests_per_day": 3}}

    changed = await store.update_key(KEY.hash, "acme", patch, 9, ACTOR)

    expected = replace(KEY, limit=None, allowed_models=None, rate_limit=RateLimit(1, 3, 2**31 - 1), updated_at=9)
    assert changed == expected
    assert await store.get_key(KEY.hash, None) == expected


async def test_a_key_needs_its_account(store: SqlManagementRepository) -> None:
    assert not await store.create_key(replace(KEY, hash="d" * 64, account="missing"), ACTOR)
    assert await store.delete_account("acme", 9, ACTOR)
    assert not await store.create_key(replace(KEY, hash="d" * 64), ACTOR)
    assert await store.get_key("d" * 64, None) is None


async def test_the_list_goes_on_behind_a_key(store: SqlManagementRepository) -> None:
    """The newest is first, also of those that were made in the same second, whatever their hashes."""
    keys = [replace(BARE, hash=digit * 64, created_at=20, disabled=digit == "2") for digit in "3142"]
    for key in keys:
        await store.create_key(key, ACTOR)

    everything = await store.list_keys(ALL)
    assert [key.hash[0] for key in everything] == list("2413cba")
    assert [key.hash[0] for key in await store.list_keys(ALL._replace(include_disabled=False))] == list("413cba")
    assert [key.hash[0] for key in await store.list_keys(ALL._replace(before=(20, "4" * 64)))] == list("13cba")
    assert [key.hash[0] for key in await store.list_keys(ALL._replace(offset=2, at_most=3))] == list("13c")


async def test_a_hash_is_found_by_its_beginning(store: SqlManagementRepository) -> None:
    await store.create_key(replace(BARE, hash="a" * 63 + "b"), ACTOR)

    assert await store.find_hashes("aaaaaa") == ["a" * 64, "a" * 63 + "b"]
    assert await store.find_hashes("bbbbbb") == [BARE.hash]
    for nothing in ("e", "a%", "_" * 6):
        assert await store.find_hashes(nothing) == []


async def test_a_person_may_cut_a_hash(store: SqlManagementRepository) -> None:
    await store.create_key(replace(BARE, hash="a" * 63 + "b"), ACTOR)
    management = Management(store)

    assert await management.find_key("bbbbbb") == BARE.hash
    assert await management.find_key("a" * 63 + "b") == "a" * 63 + "b"
    with pytest.raises(ARouterError, match="More than one key's hash begins with these digits"):
        await management.find_key("aaaaaa")
    with pytest.raises(ARouterError, match="There is no such key"):
        await management.find_key("eeeeee")


async def test_a_revoked_key_is_gone_and_others_learn_of_it(
    store: SqlManagementRepository, directory: SqlKeyCacheRepository
) -> None:
    before = (await directory.changes(0)).revision

    assert await store.delete_key(KEY.hash, None, 9, ACTOR)

    assert not await store.delete_key(KEY.hash, None, 9, ACTOR)
    assert await store.get_key(KEY.hash, None) is None
    assert await store.update_key(KEY.hash, None, {"name": "x"}, 9, ACTOR) is None
    assert await store.list_keys(ALL) == [OPERATORS, BARE]
    assert await store.find_hashes("aaaaaa") == []
    assert (await directory.changes(before)).keys == {KEY.hash: None}


async def test_every_write_is_seen_by_others(store: SqlManagementRepository, directory: SqlKeyCacheRepository) -> None:
    everything = await directory.changes(0)
    assert set(everything.accounts) == {"acme", "default"}
    assert everything.keys == {key.hash: key for key in (KEY, BARE, OPERATORS)}

    await store.update_key(KEY.hash, None, {"name": "new"}, 9, ACTOR)
    changes = await directory.changes(everything.revision)
    assert changes.keys == {KEY.hash: replace(KEY, name="new", updated_at=9)}
    await store.update_account("acme", {"providers": None}, 9, ACTOR)
    changes = await directory.changes(changes.revision)
    assert changes.accounts == {"acme": replace(ACME, providers=None, updated_at=9)}
    await store.delete_account("acme", 9, ACTOR)
    changes = await directory.changes(changes.revision)
    assert (changes.accounts, changes.keys) == ({"acme": None}, {KEY.hash: None})


async def test_writers_at_once_get_a_revision_each(
    store: SqlManagementRepository, directory: SqlKeyCacheRepository
) -> None:
    before = (await directory.changes(0)).revision

    await asyncio.gather(*(store.update_key(BARE.hash, None, {"name": str(n)}, 9, ACTOR) for n in range(12)))

    assert (await directory.changes(before)).revision == before + 12


async def test_accounts(store: SqlManagementRepository) -> None:
    assert not await store.create_account(ACME, ACTOR)
    assert await store.get_account("acme") == ACME
    assert await store.get_account("missing") is None
    assert [account.id for account in await store.list_accounts("", 10)] == ["acme", "default"]
    assert [account.id for account in await store.list_accounts("acme", 10)] == ["default"]
    assert [account.id for account in await store.list_accounts("", 1)] == ["acme"]

    changed = await store.update_account("acme", {"name": "A", "disabled": True}, 9, ACTOR)
    assert changed == replace(ACME, name="A", disabled=True, updated_at=9)
    cleared = await store.update_account("acme", {"default_model": None}, 9, ACTOR)
    assert cleared == replace(changed, default_model=None)
    assert await store.update_account("missing", {"name": "A"}, 9, ACTOR) is None

    assert await store.delete_account("acme", 9, ACTOR)
    assert not await store.delete_account("acme", 9, ACTOR)
    assert await store.get_account("acme") is None
    assert await store.get_key(KEY.hash, None) is None
    assert not await store.create_account(ACME, ACTOR), "records name the account that was removed"


async def test_spending_is_summed_by_period_in_one_query(store: SqlManagementRepository, database: Database) -> None:
    now = int(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp())  # a Thursday
    spent = {(2026, 11, 26): 1, (2026, 11, 23): 10, (2026, 11, 22): 100, (2026, 10, 31): 1000, (2025, 1, 1): 2**61}
    rows = [
        {
            "day": date(*day),
            "key_hash": hash_,
            "model": model,
            "account": "acme",
            "requests": 1,
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "cost_nanos": cost,
        }
        for day, cost in spent.items()
        for hash_, model in ((KEY.hash, "m"), (KEY.hash, "n"), ("e" * 64, "m"))
    ]
    async with database.begin() as connection:
        await connection.execute(usage_daily.insert(), rows)
    sent = database.statements

    found = await store.spending([KEY.hash, BARE.hash], now)

    assert database.statements - sent == 1
    assert found == {KEY.hash: Spending(total=2 * (2**61 + 1111), daily=2, weekly=22, monthly=222)}
