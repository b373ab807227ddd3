"""Keys are found by their hash, and nothing says why one was refused."""

from __future__ import annotations

import hashlib
import time

import pytest
from msgspec import structs

from arouter.accounts.built_in import development_key, operator_key, workload_key
from arouter.accounts.key_cache import KeyCache
from arouter.accounts.keys import AuthenticatedKey, authenticate, authenticate_workload, hash_secret, hash_workload
from arouter.accounts.records import Account
from arouter.accounts.repository import Changes
from arouter.errors import ARouterError, Failure


def account(*providers: str) -> Account:
    return Account("acme", "Acme", providers, None, disabled=False, created_at=0, updated_at=0)


DEFAULT = Account("default", "Default", None, None, disabled=False, created_at=0, updated_at=0)


def directory(account: Account = DEFAULT) -> KeyCache:
    known = KeyCache([development_key("lr_live_right"), operator_key("lr_mgmt_right")], max_age=86_400)
    known.apply(Changes(1, {"default": account}, {}), time.monotonic())
    return known


STORE = directory()


def test_knows_the_right_key_by_its_hash() -> None:
    key = authenticate("lr_live_right", STORE)

    assert key.hash == hashlib.sha256(b"lr_live_right").hexdigest()
    assert "lr_live_right" not in repr(key)
    assert key.refusal("anyone", "anyone/anything") is None


@pytest.mark.parametrize("secret", ["lr_live_wrong", "lr_live_righ", "LR_LIVE_RIGHT", "ü", "\udcff", "\0"])
def test_refuses_every_other_key_with_the_same_words(secret: str) -> None:
    with pytest.raises(ARouterError) as caught:
        authenticate(secret, STORE)

    assert (caught.value.failure, caught.value.message) == (Failure.INVALID_API_KEY, "Invalid API key.")


@pytest.mark.parametrize("secret", [None, ""])
def test_says_how_to_send_a_key(secret: str | None) -> None:
    with pytest.raises(ARouterError, match="Authorization: Bearer") as caught:
        authenticate(secret, STORE)

    assert caught.value.failure is Failure.INVALID_API_KEY


def test_hashes_what_no_header_should_hold() -> None:
    assert len(hash_secret("\udcff")) == 64


def test_the_operators_key_belongs_to_no_account() -> None:
    key = authenticate("lr_mgmt_right", STORE)

    assert (key.key_type, key.account) == ("management", None)


@pytest.mark.parametrize(
    ("models", "allowed", "refused"),
    [
        (None, ["openai/gpt-5.4", "x/y/z"], []),
        ((), [], ["openai/gpt-5.4"]),
        (("gpt-5.4",), ["openai/gpt-5.4", "azure/gpt-5.4"], ["openai/gpt-5.4-mini", "openai/my-gpt-5.4"]),
        (("openai/gpt-5.4",), ["openai/gpt-5.4"], ["azure/gpt-5.4"]),
        (("openai/gpt-5*",), ["openai/gpt-5", "openai/gpt-5.4-mini"], ["openai/gpt-4", "azure/gpt-5"]),
        (("anthropic/*",), ["anthropic/claude", "anthropic/a/b"], ["openai/claude"]),
        (("gpt-5*",), ["openai/gpt-5.4"], ["openai/gpt-4"]),
        (("a/b?", "a/[x]"), ["a/b?", "a/[x]"], ["a/bc", "a/x"]),
        (("a/b", "c/*"), ["a/b", "c/d"], ["a/c"]),
    ],
)
def test_allowed_models(models: tuple[str, ...] | None, allowed: list[str], refused: list[str]) -> None:
    key = AuthenticatedKey("hash", "account", models=models)

    for id_ in allowed:
        assert key.refusal(id_.partition("/")[0], id_) is None, id_
    for id_ in refused:
        assert key.refusal(id_.partition("/")[0], id_) == f"Model '{id_}' is not allowed for this API key."


def test_a_key_only_narrows_its_account() -> None:
    kept = structs.replace(development_key("lr_live_right"), allowed_providers=("a", "b"))

    assert AuthenticatedKey.of(kept, None).providers == {"a", "b"}
    assert AuthenticatedKey.of(kept, account("b", "c")).providers == {"b"}
    assert AuthenticatedKey.of(development_key("x"), account("b", "c")).providers == {"b", "c"}
    assert (
        AuthenticatedKey.of(kept, account("b")).refusal("a", "a/m") == "Provider 'a' is not allowed for this API key."
    )


WORKLOAD = "spiffe://example.org/ns/shop/sa/checkout"


def workloads(account: Account) -> KeyCache:
    known = KeyCache([workload_key(WORKLOAD, "acme")], max_age=86_400)
    known.apply(Changes(1, {"acme": account}, {}), time.monotonic())
    return known


def test_a_workload_is_its_account_and_no_secret_makes_one() -> None:
    known = workloads(account("a"))

    found = authenticate_workload(WORKLOAD, known)

    assert found is not None
    assert (found.account, found.providers, found.limit, found.models) == ("acme", {"a"}, None, None)
    assert found.key_type == "regular"
    assert authenticate_workload(f"{WORKLOAD}/", known) is None
    for secret in (WORKLOAD, hash_workload(WORKLOAD)):
        with pytest.raises(ARouterError):
            authenticate(secret, known)


def test_a_workload_of_a_disabled_account_is_nobody() -> None:
    assert authenticate_workload(WORKLOAD, workloads(structs.replace(account("a"), disabled=True))) is None
