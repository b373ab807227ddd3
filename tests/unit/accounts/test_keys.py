"""Keys are found by their hash, and nothing says why one was refused."""

from __future__ import annotations

import hashlib

import pytest

from arouter.accounts.keys import authenticate, hash_secret
from arouter.accounts.memory import DevelopmentKeyStore
from arouter.errors import ARouterError, Failure

STORE = DevelopmentKeyStore("lr_live_right")


def test_knows_the_right_key_by_its_hash() -> None:
    key = authenticate("lr_live_right", STORE)

    assert key.hash == hashlib.sha256(b"lr_live_right").hexdigest()
    assert "lr_live_right" not in repr(key)
    assert key.allows("anyone")


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
