"""The calling key: what it may use, and how it is authenticated."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from arouter.accounts.prefixes import PREFIXES
from arouter.accounts.records import Account, Key, KeyType, LimitReset, RateLimit
from arouter.errors import ARouterError, Failure
from arouter.patterns import ModelPatterns

NO_RATE_LIMIT = RateLimit()


@dataclass(frozen=True)
class AuthenticatedKey:
    """A valid key, together with what its account allows.

    Attributes:
        hash: SHA-256 of the secret, in hexadecimal; the key's id. For a workload, see `hash_workload`.
        account: The account it belongs to; None for the operator's management key.
        providers: Ids of the providers enabled for it, or None for all.
        models: Patterns of the models allowed to it, or None for all.
        key_type: What it is for.
        rate_limit: How often it may be used.
        limit: The spending limit of a period, in nano-USD, or None.
        limit_reset: That period, or None for the key's lifetime.
        expires_at: When it ceases to be valid, in seconds since the epoch, or None.
        default_model: Its account's model for requests that name none.
        label: What may be shown of the secret.
    """

    hash: str
    account: str | None
    providers: frozenset[str] | None = None
    models: tuple[str, ...] | None = None
    key_type: KeyType = "regular"
    rate_limit: RateLimit = NO_RATE_LIMIT
    limit: int | None = None
    limit_reset: LimitReset | None = None
    expires_at: float | None = None
    default_model: str | None = None
    label: str = ""

    @classmethod
    def of(cls, key: Key, account: Account | None) -> AuthenticatedKey:
        """Returns a key with what it may use. A key can only restrict what its account allows."""
        enabled = account.providers if account else None
        providers = None if enabled is None else frozenset(enabled)
        if key.allowed_providers is not None:
            own = frozenset(key.allowed_providers)
            providers = own if providers is None else providers & own
        return cls(
            hash=key.hash,
            account=key.account,
            providers=providers,
            models=key.allowed_models,
            key_type=key.key_type,
            rate_limit=key.rate_limit,
            limit=key.limit,
            limit_reset=key.limit_reset,
            expires_at=key.expires_at,
            default_model=account.default_model if account else None,
            label=key.label,
        )

    def refusal(self, provider: str, *ids: str) -> str | None:
        """Returns why the key may not use a provider's model, or None if it may; for listing and for authorisation.

        Args:
            provider: The provider's id.
            ids: The ids of the model, at least one; one that is allowed is enough.
        """
        if not self.allows_provider(provider):
            return f"Provider '{provider}' is not allowed for this API key."
        patterns = self._patterns
        if patterns is not None and not any(map(patterns.match, ids)):
            return f"Model '{ids[0]}' is not allowed for this API key."
        return None

    def allows_provider(self, provider: str) -> bool:
        """Returns whether the key may use a provider."""
        return self.providers is None or provider in self.providers

    @cached_property
    def _patterns(self) -> ModelPatterns | None:
        return None if self.models is None else ModelPatterns(self.models)


_MADE = re.compile(rf"(?:{'|'.join(PREFIXES)})[A-Za-z0-9_-]{{43}}")


class KeyStore(Protocol):
    """Finds keys in memory, because every call needs one."""

    def find(self, key_hash: str) -> AuthenticatedKey | None:
        """Returns the valid key with that hash, or None if it is unknown, revoked, disabled or expired.

        Raises:
            ARouterError: UNAVAILABLE; the cached state is too old to be used.
        """


def authenticate(secret: str | None, store: KeyStore) -> AuthenticatedKey:
    """Returns the key of a secret.

    Raises:
        ARouterError: INVALID_API_KEY; the same for every reason, so that guesses reveal nothing. UNAVAILABLE.
    """
    if not secret:
        raise ARouterError(
            Failure.INVALID_API_KEY,
            "No API key was sent. Send it in the header 'Authorization: Bearer <key>' or 'x-api-key: <key>'; "
            "clients of Google's API send 'x-goog-api-key: <key>'.",
        )
    # Looked up by hash: the time that takes reveals nothing about the secrets of other keys.
    key = store.find(hash_secret(secret))
    if key is None:
        raise ARouterError(Failure.INVALID_API_KEY, "Invalid API key.")
    return key


def authenticate_workload(spiffe_id: str, store: KeyStore) -> AuthenticatedKey | None:
    """Returns the key of the workload that a verified certificate names, or None if it belongs to no valid account.

    Raises:
        ARouterError: UNAVAILABLE.
    """
    return store.find(hash_workload(spiffe_id))


def no_longer_valid() -> ARouterError:
    """Returns the error that ends a call in flight whose key has been revoked or disabled, or has expired."""
    return ARouterError(Failure.INVALID_API_KEY, "The API key is no longer valid.")


def may_be_new(secret: str | None) -> bool:
    """Returns whether an unknown secret has the form of those that ARouter creates."""
    return secret is not None and _MADE.fullmatch(secret) is not None


def hash_secret(secret: str) -> str:
    """Returns the hash that identifies a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def hash_workload(spiffe_id: str) -> str:
    """Returns the hash that identifies a workload. It is not SHA-256, so that no secret has this hash."""
    return hashlib.blake2s(spiffe_id.encode("utf-8", "surrogateescape")).hexdigest()
