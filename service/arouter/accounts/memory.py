"""A key store that holds the development key and nothing else."""

from __future__ import annotations

from typing_extensions import override

from arouter.accounts.keys import ApiKey, KeyStore, hash_secret


class DevelopmentKeyStore(KeyStore):
    """One key, which may use every provider."""

    def __init__(self, secret: str) -> None:
        self._key = ApiKey(hash=hash_secret(secret), account="development")

    @override
    def find(self, key_hash: str) -> ApiKey | None:
        return self._key if key_hash == self._key.hash else None
