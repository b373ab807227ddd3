"""The Lua scripts that Valkey runs atomically. The result of each begins with the server's time (s, µs).

All keys of a script have the same hash tag, so that a cluster keeps them in one slot.
"""

from __future__ import annotations

import hashlib


class Script:
    """A script.

    Attributes:
        text: The source text in Lua.
        digest: The SHA-1 digest for EVALSHA.
    """

    def __init__(self, text: str) -> None:
        self.text = "local time = redis.call('TIME')\n" + text
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


# A list of the times of requests, oldest first, in microseconds. Times in the future come from before the server's
# clock was set back: they are replaced by the current time, and so expire within a window.
TAKE_REQUEST = Script("""
local log, limit, length = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local now = time[1] * 1000000 + time[2]
local stamp = string.format('%.0f', now)
local oldest = redis.call('LINDEX', log, 0)
while oldest and tonumber(oldest) <= now - length do
  redis.call('LPOP', log)
  oldest = redis.call('LINDEX', log, 0)
end
local ahead, newest = 0, redis.call('LINDEX', log, -1)
while newest and tonumber(newest) > now do
  redis.call('RPOP', log)
  ahead = ahead + 1
  newest = redis.call('LINDEX', log, -1)
end
for _ = 1, ahead do redis.call('RPUSH', log, stamp) end
local count = redis.call('LLEN', log)
local admitted = count < limit
if admitted and ARGV[3] == '1' then
  redis.call('RPUSH', log, stamp)
  redis.call('PEXPIRE', log, length / 1000)
  count = count + 1
end
oldest = redis.call('LINDEX', log, 0) or stamp
return {time[1], time[2], admitted and 1 or 0, count, string.format('%.0f', oldest + length - now)}
""")

# A counter: what is taken of one day or minute.
TAKE = Script("""
local limit, amount = tonumber(ARGV[1]), tonumber(ARGV[2])
local taken = tonumber(redis.call('GET', KEYS[1]) or 0)
local admitted = taken < limit
if admitted and amount > 0 then
  taken = redis.call('INCRBY', KEYS[1], amount)
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {time[1], time[2], admitted and 1 or 0, taken}
""")

# The store may have lost what is given back: the counter must not become negative.
ADD = Script("""
if redis.call('INCRBY', KEYS[1], ARGV[1]) <= 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return {time[1], time[2]}
""")

# A period is one hash: `spent`, and the sum of holds of each bucket, so that admission takes the same time however many
# holds there are. Each bucket's holds are another hash, by id; 0 stands for a hold that was given back before it was
# reserved. Both hashes may vanish at any time: the seed restores what was spent. The next bucket counts too, because
# the clocks of other processes may be ahead.
_READ = """
local period, holds, kept = KEYS[1], KEYS[2], ARGV[1]
local id, bucket, amount, seed = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local spent = tonumber(redis.call('HGET', period, 'spent') or -1)
if spent < tonumber(seed) then
  spent = tonumber(seed)
  redis.call('HSET', period, 'spent', seed)
end
redis.call('EXPIRE', period, kept)
"""

RESERVE = Script(
    _READ
    + """
local held, fields = 0, redis.call('HGETALL', period)
for i = 1, #fields, 2 do
  local other = tonumber(fields[i])
  if other and other < tonumber(bucket) - 1 then
    redis.call('HDEL', period, fields[i])
  elseif other then
    held = held + tonumber(fields[i + 1])
  end
end
local admitted = spent + held < tonumber(ARGV[6])
if admitted and amount > 0 and redis.call('HSETNX', holds, id, amount) == 1 then
  redis.call('EXPIRE', holds, kept)
  redis.call('HINCRBY', period, bucket, amount)
end
return {time[1], time[2], admitted and 1 or 0, spent, held}
"""
)

SETTLE = Script(
    _READ
    + """
local cost, last = ARGV[6], ARGV[7] == '1'
local hold = tonumber(redis.call('HGET', holds, id) or -1)
if hold > 0 and redis.call('HINCRBY', period, bucket, -hold) <= 0 then
  redis.call('HDEL', period, bucket)
end
if last then
  redis.call('HDEL', holds, id)
else
  redis.call('HSET', holds, id, 0)
  redis.call('EXPIRE', holds, kept)
end
if hold ~= 0 then redis.call('HINCRBY', period, 'spent', cost) end
return {time[1], time[2]}
"""
)
