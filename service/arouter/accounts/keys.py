"""The key that calls, and the interface of whatever knows the keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from arouter.errors import ARouterError, Failure


@dataclass(frozen=True)
class ApiKey:
    """A key that was found valid.

    Attributes:
        hash: SHA-256 of the secret, in hexadecimal; what the key is called everywhere.
        account: The account it belongs to.
        providers: Ids of the providers enabled for it, or None for all.
    """

    hash: str
    account: str
    providers: frozenset[str] | None = None

    def allows(self, provider: str) -> bool:
        """Says whether the key may use a provider. Listing and authorising both ask here."""
        return self.providers is None or provider in self.providers


class KeyStore(Protocol):
    """Knows the keys, from memory: it is asked on every call."""

    def find(self, key_hash: str) -> ApiKey | None:
        """Returns the valid key with that hash, or None if it is unknown, revoked or expired."""


def authenticate(secret: str | None, store: KeyStore) -> ApiKey:
    """Returns the key that `secret` is.

    Raises:
        ARouterError: INVALID_API_KEY; the same for every reason, so that nothing is learnt by trying.
    """
    if not secret:
        raise ARouterError(
            Failure.INVALID_API_KEY,
            "No API key was sent. Put it into the header 'Authorization: Bearer <key>' or 'x-api-key: <key>'.",
        )
    # Looked up by hash: how long that takes says nothing about the secrets of other keys.
    key = store.find(hash_secret(secret))
    if key is None:
        raise ARouterError(Failure.INVALID_API_KEY, "Invalid API key.")
    return key


def hash_secret(secret: str) -> str:
    """Returns the hash under which a key's secret is known."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
