"""`GET /api/v1/audit`: who changed what, through every door."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from arouter.accounts.keys import hash_secret
from arouter.v1 import key_pb2, key_service_pb2
from arouter.v1.audit_service_pb2 import ListAuditEventsRequest
from arouter.v1.audit_service_pb2_grpc import AuditServiceStub
from arouter.v1.key_service_pb2_grpc import KeyServiceStub
from support.command import run_command
from support.management import ACCOUNTS, KEYS, Manager, assert_refused, managing
from support.rest import Rest
from support.stack import MANAGEMENT_KEY, Stack

AUDIT = "/api/v1/audit"
OPERATOR = {"metadata": (("authorization", f"Bearer {MANAGEMENT_KEY}"),), "timeout": 10}


def entries(manager: Manager, query: str = "") -> list[dict[str, Any]]:
    answer = manager.rest.get(f"{AUDIT}{query}")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["data"]
    return found


def test_a_change_over_rest_is_there_with_its_request(operator: Manager) -> None:
    made = operator.rest.request("POST", KEYS, {"name": "audited", "limit": 5})
    key = made.json["data"]
    changed = operator.rest.request("PATCH", f"{KEYS}/{key['hash']}", {"limit": None, "disabled": True})
    removed = operator.delete(key)

    found = entries(operator, f"?key_hash={key['hash']}")

    assert [entry["action"] for entry in found] == ["delete", "update", "create"]
    assert [entry["actor"]["request_id"] for entry in found] == [
        answer.headers["x-request-id"] for answer in (removed, changed, made)
    ]
    who = {"type": "key", "key_hash": hash_secret(MANAGEMENT_KEY), "label": f"lr_mgmt_…{MANAGEMENT_KEY[-4:]}"}
    for entry in found:
        assert entry["actor"] == who | {"request_id": entry["actor"]["request_id"]}
        assert (entry["resource"], entry["key_hash"], entry["account"]) == ("key", key["hash"], "default")
    assert (found[1]["before"], found[1]["after"]) == (
        {"limit": 5, "disabled": False},
        {"limit": None, "disabled": True},
    )
    assert "before" not in found[2]
    assert found[2]["after"]["name"] == "audited"
    assert "after" not in found[0]
    assert made.json["key"] not in json.dumps(found)


def test_a_change_over_grpc_is_there(stack: Stack, operator: Manager) -> None:
    with stack.channel() as channel:
        request = key_service_pb2.CreateKeyRequest(key=key_pb2.Key(name="typed"))
        metadata = (*OPERATOR["metadata"], ("x-request-id", "r" * 500))  # type: ignore[misc]
        made = KeyServiceStub(channel).CreateKey(request, metadata=metadata, timeout=10)
        answer = AuditServiceStub(channel).ListAuditEvents(ListAuditEventsRequest(key_hash=made.data.hash), **OPERATOR)

    [event] = answer.data
    assert (event.action, event.actor.type, event.actor.request_id) == ("create", "key", "r" * 128)
    assert not event.HasField("before")
    assert event.after["name"] == "typed"
    assert [entry["id"] for entry in entries(operator, f"?key_hash={made.data.hash}")] == [event.id]


def test_a_change_on_the_command_line_is_there_and_is_shown_there(stack: Stack, operator: Manager) -> None:
    state = {"AROUTER_STATE_DIR": str(stack.folder / "state")}
    key = json.loads(run_command("keys", "create", "by hand", "--json", **state).printed)["data"]
    run_command("keys", "disable", key["hash"], **state)

    [disabled, created] = found = entries(operator, f"?key_hash={key['hash']}")

    assert created["actor"]["type"] == disabled["actor"]["type"] == "cli"
    assert created["actor"]["label"]
    printed = json.loads(run_command("audit", "--key", key["hash"], "--json", **state).printed)
    assert printed["data"] == found
    header, first, second = run_command("audit", "--key", key["hash"], **state).printed.splitlines()
    assert header.split() == ["TIME", "ACTION", "WHAT", "ACCOUNT", "BY", "REQUEST", "CHANGES"]
    assert first.endswith("disabled: no → yes")
    assert second.split()[1:5] == ["create", "key", key["hash"][:12], "default"]
    refused = run_command("audit", "--key", "abc", **state)
    assert (refused.returncode, "64 hexadecimal digits" in refused.log) == (1, True)


def test_an_account_sees_its_own(stack: Stack, operator: Manager) -> None:
    for id_ in ("audited", "unseen"):
        assert operator.rest.request("POST", ACCOUNTS, {"id": id_}).status == 200
    _, secret = operator.create(account="audited", key_type="management")
    operator.create(account="unseen")

    with managing(stack, secret) as manager:
        own, _ = manager.create()
        found = entries(manager)
        assert {entry["account"] for entry in found} == {"audited"}
        assert [entry["resource"] for entry in found] == ["key", "key", "account"]
        assert found[0]["key_hash"] == own["hash"]
        assert found[0]["actor"]["account"] == "audited"
        assert found[1]["actor"] == found[2]["actor"] == {"type": "key"}
        assert entries(manager, "?account=audited") == found
        assert_refused(manager.rest.get(f"{AUDIT}?account=unseen"), 404, "account")
        assert_refused(manager.rest.get(f"{AUDIT}?account=missing"), 404, "account")
    assert operator.rest.request("DELETE", f"{ACCOUNTS}/audited").status == 200
    assert [entry["action"] for entry in entries(operator, "?account=audited")] == 3 * ["delete"] + 3 * ["create"]


def test_it_is_in_pages(operator: Manager) -> None:
    for _ in range(5):
        operator.rest.request("POST", KEYS, {"name": "many"})
    whole = entries(operator, "?page_size=5")

    first = operator.rest.get(f"{AUDIT}?page_size=3").json
    second = operator.rest.get(f"{AUDIT}?page_size=2&page_token={first['next_page_token']}").json

    assert first["data"] + second["data"] == whole
    assert entries(operator, f"?end_time={whole[-1]['created_at']}&page_size=1")[0]["id"] != whole[-1]["id"]
    assert operator.rest.get(f"{AUDIT}?end_time=2020-01-01T00:00:00Z").json == {"data": [], "next_page_token": ""}


@pytest.mark.parametrize(
    ("query", "param"),
    [("page_size=-1", "page_size"), ("page_token=x", "page_token"), ("key_hash=x", "key_hash")],
)
def test_what_makes_no_sense_is_refused(operator: Manager, query: str, param: str) -> None:
    assert_refused(operator.rest.get(f"{AUDIT}?{query}"), 400, param)


def test_it_takes_a_management_key_and_has_no_other_method(stack: Stack, operator: Manager, rest: Rest) -> None:
    assert_refused(rest.get(AUDIT), 403, None)
    with Rest(stack.port) as anybody:
        assert anybody.get(AUDIT).status == 401
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        assert operator.rest.request(method, AUDIT, {}).status in (404, 405)
    with stack.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        AuditServiceStub(channel).ListAuditEvents(ListAuditEventsRequest(), metadata=stack.metadata, timeout=10)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
