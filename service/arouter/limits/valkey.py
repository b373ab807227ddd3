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
from arouter.limits.ledger import Ledger, Purse, Standing
from arouter.limits.store import Store

_SCHEMES = ("redis", "rediss", "valkey", "valkeys")
_PREFIX = "arouter"

# A purse is one hash: `spent`, and what is reserved by bucket. It may vanish at any time: the seed brings it back. The
# bucket ahead counts as well, since other processes' clocks may be ahead.
_READ = """
local spent = tonumber(redis.call('HGET', KEYS[1], 'spent') or -1)
if spent < tonumber(ARGV[1]) then
  spent = tonumber(ARGV[1])
  redis.call('HSET', KEYS[1], 'spent', ARGV[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
local bucket, amount = ARGV[3], tonumber(ARGV[4])
"""

_RESERVE = (
    _READ
    + """
local held, fields = 0, redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local other = tonumber(fields[i])
  if other and other < tonumber(bucket) - 1 then
    redis.call('HDEL', KEYS[1], fields[i])
  elseif other then
    held = held + tonumber(fields[i + 1])
  end
end
local admitted = spent + held < tonumber(ARGV[5])
if admitted then redis.call('HINCRBY', KEYS[1], bucket, ARGV[4]) end
return {admitted and 1 or 0, spent, held}
"""
)

_SETTLE = (
    _READ
    + """
local held = tonumber(redis.call('HGET', KEYS[1], bucket) or 0)
if held > amount then
  redis.call('HINCRBY', KEYS[1], bucket, 0 - amount)
else
  redis.call('HDEL', KEYS[1], bucket)
end
redis.call('HINCRBY', KEYS[1], 'spent', ARGV[5])
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
    text = url.reveal()
    try:
        if urlsplit(text).scheme not in _SCHEMES:
            raise ConfigError(f"AROUTER_REDIS_URL: expected {'://, '.join(_SCHEMES)}://host:port/number")
        # How long it may take is decided for all commands of a call together.
        pool = client.ConnectionPool.from_url(text, socket_timeout=None, socket_connect_timeout=None)
    except ValueError as error:
        raise ConfigError("AROUTER_REDIS_URL: not a URL of Valkey or Redis") from error
    # The address is in the pool, with its password; `limits` need not know it.
    options: dict[str, Any] = {"key_prefix": _PREFIX, "connection_pool": pool, "implementation": "valkey"}
    return Store(
        RedisStorage("async+valkey://", **options),
        ValkeyLedger(client.Valkey(connection_pool=pool), kept),
        pool.disconnect,
        (ValkeyError, OSError, TimeoutError),
    )


class ValkeyLedger(Ledger):
    """Keeps it in Valkey, in one hash for each purse."""

    def __init__(self, valkey: client.Valkey, kept: int) -> None:
        self._reserve = valkey.register_script(_RESERVE)
        self._settle = valkey.register_script(_SETTLE)
        self._kept = kept

    @override
    async def reserve(self, purse: Purse, amount: int, limit: int, seed: int, bucket: int) -> Standing:
        arguments = [seed, self._kept, bucket, amount, limit]
        admitted, spent, held = await self._reserve(keys=[_name(purse)], args=arguments)
        return Standing(admitted == 1, spent, held)

    @override
    async def settle(self, purse: Purse, amount: int, cost: int, seed: int, bucket: int) -> None:
        await self._settle(keys=[_name(purse)], args=[seed, self._kept, bucket, amount, cost])


def _name(purse: Purse) -> str:
    return f"{_PREFIX}:money:{purse.key_hash}:{purse.first_day}"
