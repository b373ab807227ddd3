"""The directory: what makes a key valid, and how long it may be relied upon."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from arouter.accounts.built_in import development_key
from arouter.accounts.key_cache import KeyCache
from arouter.accounts.records import Account, Key
from arouter.accounts.repository import Changes
from arouter.errors import ARouterError, Failure

MAX_AGE = 86_400
"""Longer than any run of these tests: some directories are made when they are collected."""

ACCOUNT = Account("acme", "Acme", ("a",), "auto", disabled=False, created_at=0, updated_at=0)
KEY = replace(development_key("secret"), account="acme", hash="h")


def known(*, account: Account | None = ACCOUNT, key: Key | None = KEY, age: float = 0) -> KeyCache:
    directory = KeyCache([], max_age=MAX_AGE)
    directory.apply(Changes(1, {"acme": account}, {"h": key}), time.monotonic() - age)
    return directory


def test_a_key_has_its_accounts_providers_and_default_model() -> None:
    found = known().find("h")

    assert found is not None
    assert (found.account, found.providers, found.default_model) == ("acme", {"a"}, "auto")


@pytest.mark.parametrize(
    "directory",
    [
        known(key=None),
        known(key=replace(KEY, disabled=True)),
        known(key=replace(KEY, expires_at=time.time() - 0.001)),
        known(account=None),
        known(account=replace(ACCOUNT, disabled=True)),
    ],
    ids=["revoked", "disabled", "expired", "account removed", "account disabled"],
)
def test_a_key_that_is_not_valid_is_not_found(directory: KeyCache) -> None:
    assert directory.find("h") is None


def test_a_key_is_valid_up_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the fraction of a second."""
    directory = known(key=replace(KEY, expires_at=1_900_000_000.5))

    for now, is_valid in ((1_900_000_000.0, True), (1_900_000_000.499, True), (1_900_000_000.5, False)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert (directory.find("h") is not None) is is_valid


def test_a_change_replaces_what_was_known() -> None:
    directory = known()

    directory.apply(Changes(2, {"acme": replace(ACCOUNT, providers=None)}, {}), time.monotonic())
    found = directory.find("h")
    assert found is not None
    assert found.providers is None

    directory.apply(Changes(3, {}, {"h": None}), time.monotonic())
    assert directory.find("h") is None


@pytest.mark.parametrize("hash_", ["h", "unknown"])
def test_what_is_too_old_is_not_relied_upon(hash_: str) -> None:
    with pytest.raises(ARouterError) as caught:
        known(age=MAX_AGE + 1).find(hash_)

    assert caught.value.failure is Failure.UNAVAILABLE
    assert caught.value.retry_after is not None
