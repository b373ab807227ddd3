"""Valkey or Redis as the store that several processes share."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from limits.aio.storage import RedisStorage
from typing_extensions import override
from valkey import asyncio as client
from valkey.exceptions import ValkeyError

from arouter.config.load import ConfigError
from arouter.config.secret import Secret
from arouter.limits.ledger import Hold, Ledger, Purse, Standing
from arouter.limits.store import Store

_SCHEMES = ("redis", "rediss", "valkey", "valkeys")
_PREFIX = "arouter"

# A purse is one hash: `spent`, and what is held in each bucket together, so that letting a call in takes the same time
# however many hold something. Each bucket's holds are another hash, by id; 0 is one that was given back before it came.
# Both may vanish at any time: the seed brings back what was spent. The bucket ahead counts as well, since other
# processes' clocks may be ahead.
_READ = """
local purse, holds, kept = KEYS[1], KEYS[2], ARGV[1]
local id, bucket, amount, seed = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local spent = tonumber(redis.call('HGET', purse, 'spent') or -1)
if spent < tonumber(seed) then
  spent = tonumber(seed)
  redis.call('HSET', purse, 'spent', seed)
end
redis.call('EXPIRE', purse, kept)
"""

_RESERVE = (
    _READ
    + """
local held, fields = 0, redis.call('HGETALL', purse)
for i = 1, #fields, 2 do
  local other = tonumber(fields[i])
  if other and other < tonumber(bucket) - 1 then
    redis.call('HDEL', purse, fields[i])
  elseif other then
    held = held + tonumber(fields[i + 1])
  end
end
local admitted = spent + held < tonumber(ARGV[6])
if admitted and amount > 0 and redis.call('HSETNX', holds, id, amount) == 1 then
  redis.call('EXPIRE', holds, kept)
  redis.call('HINCRBY', purse, bucket, amount)
end
return {admitted and 1 or 0, spent, held}
"""
)

_SETTLE = (
    _READ
    + """
local cost, last = ARGV[6], ARGV[7] == '1'
local hold = tonumber(redis.call('HGET', holds, id) or -1)
if hold > 0 and redis.call('HINCRBY', purse, bucket, -hold) <= 0 then
  redis.call('HDEL', purse, bucket)
end
if last then
  redis.call('HDEL', holds, id)
else
  redis.call('HSET', holds, id, 0)
  redis.call('EXPIRE', holds, kept)
end
if hold ~= 0 then redis.call('HINCRBY', purse, 'spent', cost) end
"""
)


def valkey_store(url: Secret, kept: int) -> Store:
    """Returns the store behind a URL. It does not connect yet.

    Args:
        url: What `AROUTER_REDIS_URL` says.
        kept: Seconds for which money that nobody asks for is kept; more than two buckets.

    Raises:
        ConfigError: It is no URL of Valkey or Redis.
    """
    pool = _pool(url)
    # The address is in the pool, with its password; `limits` need not know it.
    options: dict[str, Any] = {"key_prefix": _PREFIX, "connection_pool": pool, "implementation": "valkey"}
    return Store(
        RedisStorage("async+valkey://", **options),
        ValkeyLedger(client.Valkey(connection_pool=pool), kept),
        pool.disconnect,
        (ValkeyError, OSError, TimeoutError),
    )


def storage_place(url: Secret) -> str:
    """Returns the part of a URL that names the place: `host:port/number`. Never its credentials.

    Raises:
        ConfigError: As `valkey_store`.
    """
    _pool(url)
    parts = urlsplit(url.reveal())
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _pool(url: Secret) -> client.ConnectionPool:
    text = url.reveal()
    try:
        if urlsplit(text).scheme not in _SCHEMES:
            raise ConfigError(f"AROUTER_REDIS_URL: expected {'://, '.join(_SCHEMES)}://host:port/number")
        # How long it may take is decided for all commands of a call together.
        return client.ConnectionPool.from_url(text, socket_timeout=None, socket_connect_timeout=None)
    except ValueError as error:
        raise ConfigError("AROUTER_REDIS_URL: not a URL of Valkey or Redis") from error


class ValkeyLedger(Ledger):
    """Keeps it in Valkey: see the scripts."""

    def __init__(self, valkey: client.Valkey, kept: int) -> None:
        self._reserve = valkey.register_script(_RESERVE)
        self._settle = valkey.register_script(_SETTLE)
        self._kept = kept

    @override
    async def reserve(self, purse: Purse, hold: Hold, limit: int, seed: int) -> Standing:
        admitted, spent, held = await self._reserve(*self._call(purse, hold, seed, limit))
        return Standing(admitted == 1, spent, held)

    @override
    async def settle(self, purse: Purse, hold: Hold, cost: int, seed: int, answered: bool) -> None:
        await self._settle(*self._call(purse, hold, seed, cost, int(answered)))

    @override
    async def give_back(self, purse: Purse, hold: Hold) -> None:
        await self._settle(*self._call(purse, hold, 0, 0, 0))

    def _call(self, purse: Purse, hold: Hold, seed: int, *more: int) -> tuple[list[str], list[str | int]]:
        """Returns the keys and arguments of a script."""
        name = f"{_PREFIX}:money:{purse.key_hash}:{purse.first_day}"
        return [name, f"{name}:{hold.bucket}"], [self._kept, hold.id, hold.bucket, hold.amount, seed, *more]
