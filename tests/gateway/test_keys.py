"""Keys over REST: what they do to those who call with them, and who may do what to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from emulator import Emulator
from support.management import ACCOUNTS, KEYS, Manager, managing
from support.process import Process
from support.rest import Answer, Rest
from support.stack import Stack

MESSAGES: Any = [{"role": "user", "content": "hi"}]
FIELDS = [
    "hash",
    "name",
    "label",
    "key_type",
    "account",
    "disabled",
    "limit",
    "limit_remaining",
    "limit_reset",
    "allowed_providers",
    "allowed_models",
    "rate_limit",
    "expires_at",
    "usage",
    "usage_daily",
    "usage_weekly",
    "usage_monthly",
    "created_at",
    "updated_at",
]


@pytest.fixture
def operator(stack: Stack, emulator: Emulator) -> Iterator[Manager]:
    with managing(stack) as manager:
        yield manager


def sdk(stack: Stack, secret: str) -> OpenAI:
    return OpenAI(base_url=stack.base_url, api_key=secret, max_retries=0)


def listed(client: OpenAI) -> set[str]:
    return {model.id for model in client.models.list()}


def is_refused(client: OpenAI) -> bool:
    """Says whether the client's key is not valid any more."""
    try:
        client.models.list()
    except openai.AuthenticationError:
        return True
    return False


def test_a_key_from_its_making_to_its_end(stack: Stack, operator: Manager) -> None:
    key, secret = operator.create(name="life")
    with sdk(stack, secret) as client:
        assert {"emu/text", "hasty/text", "silent/text"} <= listed(client)
        assert client.chat.completions.create(model="emu/text", messages=MESSAGES).choices

        operator.patch(key, allowed_providers=["EMU", "hasty"], allowed_models=["emu/t*", "vendor/echo"])
        operator.until(lambda: "hasty/text" not in listed(client), "narrowed")
        assert listed(client) >= {"emu/text"}
        assert all(id_.startswith("emu/t") for id_ in listed(client))
        for refused in ("hasty/text", "emu/echo", "silent/text"):
            with pytest.raises(openai.PermissionDeniedError, match="is not allowed for this API key"):
                client.chat.completions.create(model=refused, messages=MESSAGES)

        assert operator.patch(key, allowed_providers=None, allowed_models=None)["allowed_models"] is None
        operator.until(lambda: "silent/text" in listed(client), "free again")

        operator.patch(key, disabled=True)
        operator.until(lambda: is_refused(client), "disabled")
        operator.patch(key, disabled=False)
        operator.until(lambda: not is_refused(client), "enabled")

        answer = operator.delete(key)
        assert (answer.status, answer.body) == (200, b'{"data":{"deleted":true}}')
        operator.until(lambda: is_refused(client), "revoked")
    assert operator.delete(key).status == 404
    assert secret not in stack.process.log


def test_every_field_of_a_key_is_there_and_null_is_what_is_not_set(operator: Manager) -> None:
    answer = operator.rest.request("POST", KEYS, {"name": "bare"})

    assert list(answer.json) == ["data", "key"]
    key = answer.json["data"]
    assert list(key) == FIELDS
    assert answer.json["key"].startswith("lr_live_")
    assert len(answer.json["key"]) == len("lr_live_") + 43
    assert key["label"] == f"lr_live_…{answer.json['key'][-4:]}"
    expected = {"name": "bare", "key_type": "regular", "account": "default", "disabled": False}
    expected |= dict.fromkeys(("limit", "limit_remaining", "limit_reset", "allowed_providers", "allowed_models"))
    expected |= {"rate_limit": None, "expires_at": None}
    expected |= dict.fromkeys(("usage", "usage_daily", "usage_weekly", "usage_monthly"), 0)
    assert {name: key[name] for name in expected} == expected
    for name in ("created_at", "updated_at"):
        assert len(key[name]) == len("2027-01-01T00:00:00Z")
        assert key[name].endswith("Z")


def test_what_is_set_comes_back(operator: Manager) -> None:
    fields = {
        "name": "Ключ 🔑",
        "disabled": True,
        "limit": 12.5,
        "limit_reset": "weekly",
        "allowed_providers": [],
        "allowed_models": ["gpt-5.4", "emu/*"],
        "rate_limit": {"requests_per_minute": 1, "requests_per_day": None, "tokens_per_minute": 100_000},
        "expires_at": "2099-01-01T00:00:00Z",
    }

    key = operator.rest.request("POST", KEYS, fields).json["data"]

    assert {name: key[name] for name in fields} == fields
    assert key["limit_remaining"] == 12.5
    assert operator.rest.get(f"{KEYS}/{key['hash']}").json == {"data": key}
    changed = operator.patch(
        key, rate_limit={"requests_per_day": 5}, limit=None, expires_at="2098-01-01T01:00:00+01:00"
    )
    assert changed["rate_limit"] == {"requests_per_minute": 1, "requests_per_day": 5, "tokens_per_minute": 100_000}
    assert (changed["limit"], changed["limit_remaining"], changed["limit_reset"]) == (None, None, "weekly")
    assert changed["expires_at"] == "2098-01-01T00:00:00Z"
    cleared = operator.patch(key, rate_limit=None, limit_reset="never", allowed_providers=None, expires_at=None)
    for name in ("rate_limit", "limit_reset", "allowed_providers", "expires_at"):
        assert cleared[name] is None
    assert operator.patch(key) == cleared


def assert_refused(answer: Answer, status: int, param: str | None) -> None:
    assert (answer.status, answer.error["param"]) == (status, param), answer.body


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": None}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"disabled": 1}, "disabled"),
        ({"limit": -1}, "limit"),
        ({"limit": 1e-300}, "limit"),
        ({"name": "a\u202eb"}, "name"),
        ({"limit": "5"}, "limit"),
        ({"limit_reset": "yearly"}, "limit_reset"),
        ({"allowed_providers": "emu"}, "allowed_providers"),
        ({"allowed_models": ["ok", 5]}, "allowed_models[1]"),
        ({"rate_limit": {"requests_per_minute": 0}}, "rate_limit.requests_per_minute"),
        ({"rate_limit": {"per_hour": 1}}, "rate_limit.per_hour"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"limit_usd": 5}, "limit_usd"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_bad_field_is_named(operator: Manager, method: str, fields: dict[str, Any], param: str) -> None:
    path = KEYS
    if method == "PATCH":
        path += f"/{operator.rest.request('POST', KEYS, {'name': 'good'}).json['data']['hash']}"

    assert_refused(operator.rest.request(method, path, {"name": "ok"} | fields), 400, param)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", 5),
        ("limit_reset", "daily"),
        ("allowed_models", []),
        ("allowed_providers", ["emu"]),
        ("rate_limit", {"requests_per_day": 1}),
    ],
)
def test_a_management_key_takes_no_limits(operator: Manager, field: str, value: Any) -> None:
    management = {"name": "boss", "key_type": "management"}
    key, _ = operator.create(**management)

    assert_refused(operator.rest.request("POST", KEYS, management | {field: value}), 400, field)
    assert_refused(operator.rest.request("PATCH", f"{KEYS}/{key['hash']}", {field: value}), 400, field)
    assert operator.patch(key, **{field: None})[field] is None


def test_a_secret_in_the_wrong_place_is_neither_kept_nor_shown(stack: Stack, operator: Manager) -> None:
    answer = operator.rest.request("POST", KEYS, {"name": stack.key})

    assert_refused(answer, 400, "name")
    assert stack.key.encode() not in answer.body + operator.rest.get(KEYS + "?page_size=1000").body


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"name":"\xff"}', b'{"name":"\\ud800"}'])
def test_a_body_that_is_no_json_object_is_refused(operator: Manager, body: bytes) -> None:
    assert_refused(operator.rest.request("POST", KEYS, body), 400, None)


def test_an_account_that_is_not_there_is_named(operator: Manager) -> None:
    assert_refused(operator.rest.request("POST", KEYS, {"name": "x", "account": "missing"}), 400, "account")
    assert_refused(operator.rest.get(KEYS + "?account=missing"), 404, "account")


def test_a_body_over_the_limit_is_too_large(operator: Manager) -> None:
    answer = operator.rest.request("POST", KEYS, b'{"name":"' + b"x" * 10 * 1024 * 1024 + b'"}')

    assert answer.status == 413
    assert answer.error["type"] == "invalid_request_error"


@pytest.mark.parametrize("hash_", ["0" * 64, "abc", "lr_live_x", "a%2Fb", "%F0%9F%94%91", "0" * 65])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_key_is_not_found(operator: Manager, method: str, hash_: str) -> None:
    answer = operator.rest.request(method, f"{KEYS}/{hash_}", {} if method == "PATCH" else None)

    assert_refused(answer, 404, "hash")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", KEYS), ("DELETE", KEYS), ("POST", f"{KEYS}/{'0' * 64}"), ("POST", "/v1/key"), ("GET", f"{KEYS}/a/b")],
)
def test_what_is_not_mapped_is_not_found(operator: Manager, method: str, path: str) -> None:
    assert_refused(operator.rest.request(method, path, None if method == "GET" else {}), 404, None)


def test_pages_are_complete_and_stable(stack: Stack, operator: Manager) -> None:
    operator.rest.request("POST", ACCOUNTS, {"id": "paging"})
    for number in range(5):
        operator.rest.request("POST", KEYS, {"name": f"n{number}", "account": "paging", "disabled": number == 0})
    path = f"{KEYS}?account=paging&include_disabled=true"

    everything = operator.rest.get(path).json
    assert everything["next_page_token"] is None
    hashes = [key["hash"] for key in everything["data"]]
    assert len(set(hashes)) == 5
    assert sorted(key["created_at"] for key in everything["data"])[::-1] == [
        key["created_at"] for key in everything["data"]
    ]

    first = operator.rest.get(path + "&page_size=2").json
    operator.rest.request("DELETE", f"{KEYS}/{hashes[0]}")
    second = operator.rest.get(path + f"&page_size=2&page_token={first['next_page_token']}").json
    third = operator.rest.get(path + f"&page_size=2&page_token={second['next_page_token']}").json
    assert [key["hash"] for page in (first, second, third) for key in page["data"]] == hashes
    assert third["next_page_token"] is None

    assert [key["hash"] for key in operator.rest.get(path + "&offset=3").json["data"]] == hashes[4:]
    enabled = operator.rest.get(f"{KEYS}?account=paging").json["data"]
    assert {key["name"] for key in enabled} <= {"n1", "n2", "n3", "n4"}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("page_size=-1", "page_size"),
        ("page_size=1001", "page_size"),
        ("offset=-1", "offset"),
        ("offset=2000000000", "offset"),
        ("page_token=x", "page_token"),
        ("page_token=%FF", None),
        ("page_token=AAAA", "page_token"),
        ("page_size=many", None),
    ],
)
def test_a_bad_query_is_refused(operator: Manager, query: str, param: str | None) -> None:
    assert_refused(operator.rest.get(f"{KEYS}?{query}"), 400, param)


def test_the_calling_key_is_shown_at_both_paths(stack: Stack, operator: Manager) -> None:
    key, secret = operator.create(limit=3, limit_reset="daily")

    for path in ("/v1/key", "/api/v1/key"):
        with Rest(stack.port, secret) as rest:
            answer = rest.get(path)
        assert answer.json == {"data": key | {"is_management_key": False, "is_free_tier": False}}


@pytest.mark.parametrize(("name", "is_management_key"), [("key", False), ("management_key", True)])
def test_a_built_in_key_is_shown_though_it_is_in_no_table(stack: Stack, name: str, is_management_key: bool) -> None:
    with Rest(stack.port, getattr(stack, name)) as rest:
        key = rest.get("/v1/key").json["data"]

    assert list(key) == [*FIELDS, "is_management_key", "is_free_tier"]
    assert key["is_management_key"] is is_management_key
    assert (key["account"], key["created_at"]) == (None if is_management_key else "default", None)


def test_each_type_of_key_keeps_to_its_own(stack: Stack, operator: Manager) -> None:
    _, management = operator.create(key_type="management", account="default")

    with stack.rest() as regular:
        for method, path in (("GET", KEYS), ("POST", KEYS), ("GET", ACCOUNTS), ("DELETE", f"{KEYS}/{'0' * 64}")):
            answer = regular.request(method, path, {"name": "x"} if method == "POST" else None)
            assert (answer.status, answer.error["type"]) == (403, "permission_error")
    with sdk(stack, management) as client:
        with pytest.raises(openai.PermissionDeniedError, match="lr_live_"):
            client.models.list()
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="emu/text", messages=MESSAGES)


def test_no_key_no_management(stack: Stack) -> None:
    with Rest(stack.port) as rest:
        for path in (KEYS, ACCOUNTS, "/v1/key"):
            assert rest.get(path).error["code"] == "invalid_api_key"


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
            answer = manager.rest.request(method, ACCOUNTS + path, {"id": "x"} if method == "POST" else {})
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


def test_bodies_are_what_they_were_sent_as(operator: Manager) -> None:
    """Whatever `content-type` says, and however a number is written."""
    body = b'{"name": "x", "limit": 1.0e0}'

    for content_type in ("application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"):
        answer = operator.rest.request("POST", KEYS, body, {"content-type": content_type})
        assert answer.json["data"]["limit"] == 1
        assert answer.headers["content-type"] == "application/json"
        assert not [name for name in answer.headers if name.startswith("grpc")]


def test_a_key_is_known_at_once_where_it_was_made(stack: Stack, emulator: Emulator) -> None:
    with managing(stack) as manager:
        for _ in range(20):
            secret = manager.rest.request("POST", KEYS, {"name": "at once"}).json["key"]
            with Rest(stack.port, secret) as rest:
                assert rest.get("/v1/key").status == 200


def test_the_query_does_not_choose_another_key_or_account_than_the_path(operator: Manager) -> None:
    made = [operator.rest.request("POST", KEYS, {"name": name}).json["data"]["hash"] for name in ("mine", "yours")]
    for id_ in ("path-a", "path-b"):
        operator.rest.request("POST", ACCOUNTS, {"id": id_})

    changed = operator.rest.request("PATCH", f"{KEYS}/{made[0]}?hash={made[1]}", {"name": "changed"})
    deleted = operator.rest.request("DELETE", f"{KEYS}/{made[0]}?hash={made[1]}")
    removed = operator.rest.request("DELETE", f"{ACCOUNTS}/path-a?id=path-b&account_id=path-b")

    assert changed.json["data"]["hash"] == made[0]
    assert (deleted.status, removed.status) == (200, 200)
    assert operator.rest.get(f"{KEYS}/{made[1]}").json["data"]["name"] == "yours"
    assert [operator.rest.get(f"{ACCOUNTS}/{id_}").status for id_ in ("path-a", "path-b")] == [404, 200]


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


def test_a_key_that_another_process_has_just_made_works_at_once(stack: Stack, tmp_path: Path) -> None:
    variables = {"AROUTER_STATE_DIR": str(stack.folder / "state")}
    command = Process(["keys", "create", "fresh"], variables, tmp_path)
    command.wait()

    with Rest(stack.port, command.printed.strip()) as rest:
        assert rest.get("/v1/models").status == 200
