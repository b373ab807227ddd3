"""Requests that manage keys: what is refused, and what of a request counts."""

from __future__ import annotations

from typing import Any

import pytest

from support.management import ACCOUNTS, KEYS, Manager, assert_refused
from support.stack import Stack


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


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("page_size=-1", "page_size"),
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


def test_bodies_are_what_they_were_sent_as(operator: Manager) -> None:
    """Whatever `content-type` says, and however a number is written."""
    body = b'{"name": "x", "limit": 1.0e0}'

    for content_type in ("application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"):
        answer = operator.rest.request("POST", KEYS, body, {"content-type": content_type})
        assert answer.json["data"]["limit"] == 1
        assert answer.headers["content-type"] == "application/json"
        assert not [name for name in answer.headers if name.startswith("grpc")]


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
