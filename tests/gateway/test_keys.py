"""Keys over REST: what they do to those who call with them, and who may do what to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest

from emulator import Emulator
from support.log import chat
from support.management import ACCOUNTS, KEYS, Manager, is_refused, listed, managing, sdk
from support.process import Process
from support.rest import Rest
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


def test_a_key_from_its_making_to_its_end(stack: Stack, operator: Manager) -> None:
    key, secret = operator.create(name="life")
    with sdk(stack, secret) as client:
        assert {"emu/text", "hasty/text", "silent/text"} <= listed(client)
        call = client.chat.completions.with_raw_response.create(model="emu/text", messages=MESSAGES)
        assert call.parse().choices

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
    assert chat(stack.process, call.headers["x-request-id"])["status"] == "ok"
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
        "expires_at": "2099-01-01T00:00:00.500Z",
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


def test_a_key_is_known_at_once_where_it_was_made(stack: Stack, emulator: Emulator) -> None:
    with managing(stack) as manager:
        for _ in range(20):
            secret = manager.rest.request("POST", KEYS, {"name": "at once"}).json["key"]
            with Rest(stack.port, secret) as rest:
                assert rest.get("/v1/key").status == 200


def test_a_key_that_another_process_has_just_made_works_at_once(stack: Stack, tmp_path: Path) -> None:
    variables = {"AROUTER_STATE_DIR": str(stack.folder / "state")}
    command = Process(["keys", "create", "fresh"], variables, tmp_path)
    command.wait()

    with Rest(stack.port, command.printed.strip()) as rest:
        assert rest.get("/v1/models").status == 200
