"""The audit log in both databases: each change has one entry, in its own transaction."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import event, func, select, update

from arouter.accounts.audit import KEPT_DAYS, Actor, AuditEvent, AuditLog
from arouter.accounts.management import Management
from arouter.accounts.records import NewAccount, NewKey
from arouter.accounts.specs import account_patch, key_patch
from arouter.errors import ARouterError, Failure, StoreError
from arouter.sql.audit import SqlAuditRepository
from arouter.sql.database import Database
from arouter.sql.management import SqlManagementRepository
from arouter.sql.tables import audit_events, keys

OPERATOR = Actor("key", None, "f" * 64, "lr_mgmt_…oper", "request-1")
MANAGER = Actor("key", "acme", "e" * 64, "lr_mgmt_…mgmt", "request-2")


@pytest.fixture
async def management(database: Database) -> Management:
    management = Management(SqlManagementRepository(database))
    await management.create_account(NewAccount(id="acme", name="Acme"), OPERATOR)
    return management


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(SqlAuditRepository(database))


async def listed(log: AuditLog, by: str | None = None, **filters: Any) -> list[AuditEvent]:
    return list((await log.list_events(by, **filters)).items)


def told(event: AuditEvent) -> tuple[object, ...]:
    return event.action, event.resource, event.account, event.before, event.after


async def test_a_key_from_its_making_to_its_end(management: Management, log: AuditLog) -> None:
    made = await management.create_key(
        NewKey(name="shop", limit=5_000_000_000, limit_reset="daily", allowed_models=("a/*",)), MANAGER
    )
    hash_ = made.view.key.hash
    change = {"limit": None, "name": "other", "allowed_models": ["a/*"], "rate_limit": {"requests_per_minute": 6}}
    await management.update_key(hash_, key_patch(change), OPERATOR)
    await management.delete_key(hash_, MANAGER)

    deleted, updated, created = await listed(log, key_hash=hash_)
    assert {event.key_hash for event in (deleted, updated, created)} == {hash_}
    assert told(created)[:3] == ("create", "key", "acme")
    assert (created.actor, updated.actor, deleted.actor) == (MANAGER, OPERATOR, MANAGER)
    assert created.before is None
    assert created.after is not None
    limits = {"requests_per_minute": 6, "requests_per_day": None, "tokens_per_minute": None}
    assert created.after == {
        "name": "shop",
        "label": made.view.key.label,
        "key_type": "regular",
        "account": "acme",
        "disabled": False,
        "limit": 5.0,
        "limit_reset": "daily",
        "allowed_providers": None,
        "allowed_models": ["a/*"],
        "rate_limit": None,
        "expires_at": None,
    }
    assert told(updated)[3:] == (
        {"name": "shop", "limit": 5.0, "rate_limit": None},
        {"name": "other", "limit": None, "rate_limit": limits},
    )
    assert deleted.after is None
    assert deleted.before == created.after | {"name": "other", "limit": None, "rate_limit": limits}


async def test_an_account_and_the_keys_that_go_with_it(management: Management, log: AuditLog) -> None:
    hashes = [(await management.create_key(NewKey(name=name), MANAGER)).view.key.hash for name in "ab"]
    await management.update_account("acme", account_patch({"disabled": True}), OPERATOR)
    await management.delete_account("acme", OPERATOR)

    last, middle, first, changed, *_, created = await listed(log)
    assert told(created)[:3] == ("create", "account", "acme")
    assert told(changed) == ("update", "account", "acme", {"disabled": False}, {"disabled": True})
    assert [event.position for event in (first, middle, last)] == [0, 1, 2]
    assert len({event.revision for event in (first, middle, last)}) == 1
    assert told(first)[:3] == ("delete", "account", "acme")
    assert {middle.key_hash, last.key_hash} == set(hashes)
    assert {event.action for event in (middle, last)} == {"delete"}


async def test_what_changes_nothing_has_no_entry(management: Management, log: AuditLog) -> None:
    made = await management.create_key(NewKey(name="same"), OPERATOR)
    before = await listed(log)

    await management.update_key(made.view.key.hash, key_patch({"name": "same"}), OPERATOR)
    await management.update_account("acme", {}, OPERATOR)
    for refused in (
        management.delete_key("0" * 64, OPERATOR),
        management.update_key(made.view.key.hash, key_patch({"name": "x"}), MANAGER),  # another account's
        management.create_account(NewAccount(id="acme", name="again"), OPERATOR),
        management.create_key(NewKey(name="x", account="missing"), OPERATOR),
    ):
        with pytest.raises(ARouterError):
            await refused

    assert await listed(log) == before


async def test_a_change_that_cannot_be_noted_is_not_made(
    management: Management, log: AuditLog, database: Database
) -> None:
    made = await management.create_key(NewKey(name="kept"), OPERATOR)

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO audit_events"):
            raise OSError

    event.listen(database._engine.sync_engine, "before_cursor_execute", fail)  # the disk is full at just that moment
    with pytest.raises(StoreError):
        await management.delete_key(made.view.key.hash, OPERATOR)
    with pytest.raises(StoreError):
        await management.create_key(NewKey(name="lost"), OPERATOR)
    event.remove(database._engine.sync_engine, "before_cursor_execute", fail)

    assert (await management.get_key(made.view.key.hash, None)).key.name == "kept"
    async with database.begin() as connection:
        assert await connection.scalar(select(func.count()).select_from(keys)) == 1


async def test_an_account_sees_its_own_and_no_operators_key(management: Management, log: AuditLog) -> None:
    await management.create_account(NewAccount(id="other", name="Other"), OPERATOR)
    await management.create_key(NewKey(name="theirs", account="other"), OPERATOR)
    await management.create_key(NewKey(name="operators", key_type="management"), OPERATOR)
    mine = await management.create_key(NewKey(name="mine"), MANAGER)

    found = await listed(log, "acme")

    assert [(event.action, event.account) for event in found] == [("create", "acme"), ("create", "acme")]
    assert found[0].actor == MANAGER
    assert found[1].actor == Actor("key")
    assert await listed(log, "acme", account="acme") == found
    assert await listed(log, "acme", key_hash=mine.view.key.hash) == found[:1]
    assert await listed(log, "other", key_hash=mine.view.key.hash) == []
    with pytest.raises(ARouterError) as caught:
        await log.list_events("acme", account="other")
    assert caught.value.failure is Failure.NOT_FOUND


async def test_pages_and_times(management: Management, log: AuditLog) -> None:
    for name in "abcdefg":
        await management.create_key(NewKey(name=name), OPERATOR)
    whole = await listed(log)

    found: list[AuditEvent] = []
    token = ""
    while True:
        page = await log.list_events(None, page_size=3, page_token=token)
        found += page.items
        token = page.next_token
        await management.create_key(NewKey(name="meanwhile"), OPERATOR)
        if not token:
            break

    assert found == whole
    assert [event.after["name"] for event in found if event.after] == [*"gfedcba", "Acme"]
    assert await listed(log, end_time="2020-01-01T00:00:00Z") == []
    assert await listed(log, start_time="2999-01-01T00:00:00+02:00") == []
    times = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2999-01-01T00:00:00.5Z"}
    assert await listed(log, **times) == await listed(log)


@pytest.mark.parametrize(
    ("filters", "param"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_token": "x"}, "page_token"),
        ({"page_token": "MTI"}, "page_token"),
        ({"key_hash": "a" * 63}, "key_hash"),
        ({"account": "\0"}, "account"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"end_time": "2027-01-31T12:00:00"}, "end_time"),
    ],
)
async def test_what_makes_no_sense_is_refused(log: AuditLog, filters: dict[str, Any], param: str) -> None:
    with pytest.raises(ARouterError) as caught:
        await log.list_events(None, **filters)

    assert caught.value.param == param


async def test_old_entries_go_when_the_next_is_written(
    management: Management, log: AuditLog, database: Database
) -> None:
    await management.create_key(NewKey(name="a"), OPERATOR)
    day = 86_400_000
    async with database.begin() as connection:
        aged = audit_events.c.created_ms - KEPT_DAYS * day
        await connection.execute(
            update(audit_events).where(audit_events.c.resource == "account").values(created_ms=aged - day)
        )
        await connection.execute(
            update(audit_events).where(audit_events.c.resource == "key").values(created_ms=aged + day)
        )

    await management.create_key(NewKey(name="b"), OPERATOR)

    assert [event.after["name"] for event in await listed(log) if event.after] == ["b", "a"]


async def test_no_secret_is_kept(management: Management, log: AuditLog) -> None:
    made = await management.create_key(NewKey(name="a", key_type="management"), replace(OPERATOR, request_id=""))

    [created, _] = await listed(log)
    assert made.secret not in json.dumps([created.after, created.actor.label])
    assert made.secret[8:-4] not in json.dumps(created.after)
