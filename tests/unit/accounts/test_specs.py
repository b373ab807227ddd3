"""What a client may set: every field with good and bad values, and what is said of the bad ones."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from arouter.accounts.records import NewAccount, NewKey, RateLimit
from arouter.accounts.specs import (
    account_patch,
    key_patch,
    new_account,
    new_key,
)
from arouter.accounts.units import rfc3339
from arouter.errors import ARouterError, Failure

SECRETS = [f"lr_live_{'x' * 43}", f"lr_mgmt_{'x' * 43}", f"sk-proj-{'x' * 40}", f"my key is sk-{'x' * 40}"]
NO_TEXT: list[Any] = [
    "",
    "   ",
    "x" * 257,
    "a\0b",
    "a\nb",
    "\ud800",
    "a\u202eb",
    "a\u200bb",
    "a\u2028b",
    "\ufeffa",
    5,
    True,
    ["x"],
    {},
]
NO_COUNT: list[Any] = [0, -1, 2**31, 1.5, 1.0, "1", True, [], {}]
BAD: dict[str, list[Any]] = {
    "name": [*NO_TEXT, None, *SECRETS],
    "disabled": [None, 0, 1, "true", []],
    "limit": [-1, -0.01, 1e-300, 9e-10, 1_000_000_001, 1e300, float("nan"), float("inf"), "5", True, [], {}],
    "limit_reset": ["", "yearly", "Daily", 1, [], {}],
    "allowed_providers": ["openai", {}, 5, True, ["a"] * 1001],
    "allowed_models": ["openai/gpt-5.4", {}, 5, ["a"] * 1001, [f"*/{i}" for i in range(9)], ["a", "*a" * 9]],
    "rate_limit": [5, "5", [], True],
    "expires_at": [
        "2020-01-01T00:00:00Z",
        "2099-01-01",
        "2099-01-01T00:00:00",
        "2099-13-01T00:00:00Z",
        "tomorrow",
        "9999-12-31T23:59:59-23:00",
        "",
        4_000_000_000,
        True,
        [],
    ],
}
CASES = [({field: value}, field) for field, values in BAD.items() for value in values]
CASES += [
    ({"rate_limit": {field: value}}, f"rate_limit.{field}")
    for field in RateLimit.__struct_fields__
    for value in NO_COUNT
]
CASES += [
    ({field: ["ok", value]}, f"{field}[1]")
    for field, values in {
        "allowed_providers": [*NO_TEXT, None, "open ai", "a/b", "*", *SECRETS],
        "allowed_models": [*NO_TEXT, None, "a b", *SECRETS],
    }.items()
    for value in values
]
CASES += [({field: 1}, field) for field in ("hash", "label", "limit_usd", "usage", "Name")]
CASES += [({"rate_limit": {"requests_per_hour": 1}}, "rate_limit.requests_per_hour")]
CASES += [({secret: 1}, "…") for secret in SECRETS]
DOCUMENTS: list[Any] = [None, [], "x", 5, True]


def refusal(document: Any, parse: Any) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        parse(document)
    assert caught.value.failure is Failure.INVALID_REQUEST
    return caught.value


def check(error: ARouterError, param: str | None) -> None:
    """Checks that an error names the field, and shows neither a secret nor much else of what was sent."""
    assert error.param == param
    assert not re.search("x{20}", error.message)
    assert len(error.message) < 300


@pytest.mark.parametrize(("fields", "param"), CASES, ids=[f"{param}-{n}" for n, (_, param) in enumerate(CASES)])
@pytest.mark.parametrize("parse", [new_key, key_patch], ids=["new", "patch"])
def test_a_bad_field_of_a_key_is_named(parse: Any, fields: dict[str, Any], param: str) -> None:
    check(refusal({"name": "ok"} | fields, parse), param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"key_type": value}, "key_type") for value in ("", "admin", None, 1)]
    + [({"account": value}, "account") for value in [*NO_TEXT, "ACME", "-a", "a b", "a/b", "a" * 65, *SECRETS]],
)
def test_a_bad_type_or_account_is_named(fields: dict[str, Any], param: str) -> None:
    check(refusal({"name": "ok"} | fields, new_key), param)


RESTRICTIONS: list[tuple[str, Any]] = [
    ("limit", 0),
    ("limit_reset", "daily"),
    ("allowed_providers", []),
    ("allowed_models", ["a/*"]),
    ("rate_limit", {"requests_per_day": 1}),
]


@pytest.mark.parametrize(("field", "value"), RESTRICTIONS)
def test_a_management_key_has_no_restrictions_of_models(field: str, value: Any) -> None:
    check(refusal({"name": "x", "key_type": "management", field: value}, new_key), field)


def test_a_management_key_may_say_that_it_has_none() -> None:
    document = {"name": "x", "key_type": "management", "disabled": True, "expires_at": "2099-01-01T00:00:00Z"}

    key = new_key(document | dict.fromkeys(field for field, _ in RESTRICTIONS))

    assert (key.key_type, key.disabled) == ("management", True)
    assert new_key({"name": "x", "key_type": "management", "rate_limit": {"requests_per_day": None}})


@pytest.mark.parametrize("field", ["key_type", "account"])
def test_type_and_account_of_a_key_cannot_be_changed(field: str) -> None:
    check(refusal({field: "regular"}, key_patch), field)


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"id": value}, "id") for value in [*NO_TEXT, None, "ACME", "-a", "a b", "a" * 65, *SECRETS]]
    + [({"name": value}, "name") for value in [*NO_TEXT, None, *SECRETS]]
    + [({"providers": value}, "providers") for value in ("a", 5, {})]
    + [({"default_model": value}, "default_model") for value in [*NO_TEXT, "a b", *SECRETS]]
    + [({"providers": ["a b"]}, "providers[0]"), ({"disabled": None}, "disabled"), ({"limit": 5}, "limit")],
)
def test_a_bad_field_of_an_account_is_named(fields: dict[str, Any], param: str) -> None:
    check(refusal({"id": "ok"} | fields, new_account), param)
    if param != "id":
        check(refusal(fields, account_patch), param)


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("parse", [new_key, key_patch, new_account, account_patch])
def test_a_document_is_an_object(parse: Any, document: Any) -> None:
    check(refusal(document, parse), None)


def test_what_must_be_there_is_named() -> None:
    check(refusal({}, new_key), "name")
    check(refusal({"name": "x"}, new_account), "id")
    check(refusal({"id": "x"}, account_patch), "id")


def test_a_key_with_everything() -> None:
    key = new_key(
        {
            "name": "n" * 256,
            "key_type": "regular",
            "account": "a" * 64,
            "disabled": True,
            "limit": 0.1,
            "limit_reset": "weekly",
            "allowed_providers": ["OpenAI", "anthropic", "openai"],
            "allowed_models": ["gpt-5.4", "openai/gpt-5*", "z.ai/Qwen/Qwen3:free"],
            "rate_limit": {"requests_per_minute": 1, "requests_per_day": None, "tokens_per_minute": 2**31 - 1},
            "expires_at": "2099-01-01T01:00:00.9+01:00",
        }
    )

    assert key == NewKey(
        name="n" * 256,
        key_type="regular",
        account="a" * 64,
        disabled=True,
        limit=100_000_000,
        limit_reset="weekly",
        allowed_providers=("openai", "anthropic"),
        allowed_models=("gpt-5.4", "openai/gpt-5*", "z.ai/Qwen/Qwen3:free"),
        rate_limit=RateLimit(1, None, 2**31 - 1),
        expires_at=datetime(2099, 1, 1, tzinfo=UTC).timestamp() + 0.9,
    )


def test_null_is_the_same_as_nothing_in_a_new_key() -> None:
    fields = ("account", "limit", "limit_reset", "allowed_providers", "allowed_models", "rate_limit", "expires_at")

    assert new_key({"name": "x"} | dict.fromkeys(fields)) == new_key({"name": "x"}) == NewKey(name="x")


def test_null_and_nothing_differ_in_a_patch() -> None:
    assert key_patch({}) == {}
    assert key_patch({"limit": None, "limit_reset": "never", "allowed_models": []}) == {
        "limit": None,
        "limit_reset": None,
        "allowed_models": (),
    }
    assert "name" not in key_patch({"limit": None})
    assert key_patch({"rate_limit": None})["rate_limit"] == {
        "requests_per_minute": None,
        "requests_per_day": None,
        "tokens_per_minute": None,
    }
    assert key_patch({"rate_limit": {}}) == {}
    assert key_patch({"rate_limit": {"requests_per_day": 5}})["rate_limit"] == {"requests_per_day": 5}
    assert account_patch({"providers": None}) == {"providers": None}
    assert account_patch({"default_model": None}) == {"default_model": None}
    assert account_patch({}) == {}


@pytest.mark.parametrize(
    ("usd", "nanos"), [(0, 0), (5, 5 * 10**9), (0.1, 10**8), (1e-9, 1), (999_999_999.99, 999999999990000000)]
)
def test_money_is_exact(usd: float, nanos: int) -> None:
    assert key_patch({"limit": usd})["limit"] == nanos


def test_an_account_is_called_by_its_id_at_first() -> None:
    assert new_account({"id": "a.b_c-1"}) == NewAccount(id="a.b_c-1", name="a.b_c-1")
    document = {"id": "a", "name": "A", "providers": [], "default_model": "x" * 256, "disabled": True}
    assert new_account(document) == NewAccount(id="a", name="A", providers=(), default_model="x" * 256, disabled=True)


@pytest.mark.parametrize(
    "name", ["task-automation-for-the-pipeline", "Ключ 🔑", "sk-learn", "lr_live_", "risk-" + "a" * 30]
)
def test_a_name_that_is_no_secret_is_taken(name: str) -> None:
    assert new_key({"name": name}).name == name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z"),
        ("2099-01-01T01:00:00.5+01:00", "2099-01-01T00:00:00.500Z"),
        ("2099-01-01T00:00:00.123999Z", "2099-01-01T00:00:00.123Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_shown_as_it_is_kept(sent: str, kept: str) -> None:
    """To the millisecond."""
    assert rfc3339(new_key({"name": "x", "expires_at": sent}).expires_at) == kept


def test_a_word_that_is_no_text_is_refused() -> None:
    """A command line may hold bytes that are not UTF-8, which Python reads as lone surrogates."""
    with pytest.raises(ARouterError, match="'limit_reset': expected one of"):
        key_patch({"limit_reset": "\ud800"})
