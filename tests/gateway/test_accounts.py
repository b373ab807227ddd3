"""Accounts over REST: what they are to their keys, and what their managers see."""

from __future__ import annotations

from typing import Any

from support.management import ACCOUNTS, KEYS, Manager, assert_refused, is_refused, listed, managing, sdk
from support.rest import Rest
from support.stack import Stack

MESSAGES: Any = [{"role": "user", "content": "hi"}]


def test_an_accounts_manager_sees_that_account_only(stack: Stack, operator: Manager) -> None:
    for id_ in ("mine", "theirs"):
        assert operator.rest.request("POST", ACCOUNTS, {"id": id_}).status == 200
    theirs, _ = operator.create(account="theirs")
    own, secret = operator.create(account="mine", key_type="management")

    with managing(stack, secret) as manager:
        for method in ("GET", "PATCH", "DELETE"):
            answer = manager.rest.request(
                method, f"{KEYS}/{theirs['hash']}", {"name": "x"} if method == "PATCH" else None
            )
            assert_refused(answer, 404, "hash")
        for account in ("theirs", "missing"):
            assert_refused(manager.rest.get(f"{KEYS}?account={account}"), 404, "account")
            assert_refused(manager.rest.request("POST", KEYS, {"name": "x", "account": account}), 404, "account")
            assert_refused(manager.rest.get(f"{ACCOUNTS}/{account}"), 404, "id")
        assert manager.rest.get(f"{ACCOUNTS}/mine").json["data"]["id"] == "mine"
        for method, path in (("GET", ""), ("POST", ""), ("PATCH", "/mine"), ("DELETE", "/mine")):
            body = {"POST": {"id": "x"}, "PATCH": {}}.get(method)
            answer = manager.rest.request(method, ACCOUNTS + path, body)
            assert_refused(answer, 403, None)

        made, _ = manager.create()
        boss, _ = manager.create(key_type="management", account=None)
        assert (made["account"], boss["account"]) == ("mine", "mine")
        assert {key["hash"] for key in manager.rest.get(KEYS).json["data"]} == {
            key["hash"] for key in (own, made, boss)
        }
        assert manager.delete(own).status == 200
        manager.until(lambda: Manager(stack, secret).current().status == 401, "revoked itself")


def test_an_account_rules_its_keys(stack: Stack, operator: Manager) -> None:
    account = operator.rest.request("POST", ACCOUNTS, {"id": "ruled", "name": "Ruled", "providers": ["emu"]}).json[
        "data"
    ]
    assert list(account) == ["id", "name", "providers", "default_model", "disabled", "created_at", "updated_at"]
    assert operator.rest.get(f"{ACCOUNTS}/ruled").json == {"data": account}
    _, secret = operator.create(account="ruled")

    with sdk(stack, secret) as client:
        assert {id_.partition("/")[0] for id_ in listed(client)} == {"emu"}
        operator.rest.request("PATCH", f"{ACCOUNTS}/ruled", {"providers": None})
        operator.until(lambda: "hasty/text" in listed(client), "all providers")
        operator.rest.request("PATCH", f"{ACCOUNTS}/ruled", {"disabled": True})
        operator.until(lambda: is_refused(client), "disabled")
        operator.rest.request("PATCH", f"{ACCOUNTS}/ruled", {"disabled": False})
        operator.until(lambda: not is_refused(client), "enabled")
        assert operator.rest.request("DELETE", f"{ACCOUNTS}/ruled").json == {"data": {"deleted": True}}
        operator.until(lambda: is_refused(client), "removed")
    assert_refused(operator.rest.get(f"{ACCOUNTS}/ruled"), 404, "id")
    assert operator.rest.request("POST", ACCOUNTS, {"id": "ruled"}).error["code"] == "already_exists"
    assert_refused(operator.rest.request("DELETE", f"{ACCOUNTS}/default"), 400, "id")


def test_accounts_come_in_pages(operator: Manager) -> None:
    for id_ in ("page-a", "page-b"):
        operator.rest.request("POST", ACCOUNTS, {"id": id_})

    found, token = [], ""
    while True:
        page = operator.rest.get(f"{ACCOUNTS}?page_size=1&page_token={token}").json
        found += [account["id"] for account in page["data"]]
        token = page["next_page_token"]
        if token is None:
            break

    assert found == sorted(found)
    assert {"default", "page-a", "page-b"} <= set(found)


def test_a_request_without_a_model_gets_the_accounts_default(operator: Manager, stack: Stack) -> None:
    operator.rest.request("POST", ACCOUNTS, {"id": "defaulting", "default_model": "emu/text"})
    secret = operator.rest.request("POST", KEYS, {"name": "k", "account": "defaulting"}).json["key"]

    with Rest(stack.port, secret) as rest:
        answered = rest.chat({"messages": MESSAGES})
        operator.rest.request("PATCH", f"{ACCOUNTS}/defaulting", {"default_model": "emu/none"})
        operator.until(lambda: rest.chat({"messages": MESSAGES}).status == 404, "another default")
        operator.rest.request("PATCH", f"{ACCOUNTS}/defaulting", {"default_model": None})
        operator.until(lambda: rest.chat({"messages": MESSAGES}).status == 400, "no default")

    assert answered.json["model"] == "emu/text"
