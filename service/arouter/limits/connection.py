"""Runs scripts in Valkey or Redis, interprets its errors, replaces connections and reads the server's time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    ValkeyError,
)

from arouter.limits.address import Pool
from arouter.limits.outage import StoreLostError, StoreRefusedError
from arouter.limits.scripts import Script

Keys = Sequence[str]
Arguments = Sequence[str | int]

_NAMED: dict[type[Exception], str] = {
    AuthenticationError: "AUTH",
    BusyLoadingError: "LOADING",
    InvalidResponse: "PROTOCOL",
    NoPermissionError: "NOPERM",
    OutOfMemoryError: "OOM",
    ReadOnlyError: "READONLY",
}
"""Codes of the replies that the client library turns into classes, whose text no longer contains the code."""

_CODE = re.compile(
    r"\b(?:WRONGTYPE|OOM|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|MOVED|CROSSSLOT|TRYAGAIN|NOPERM|MISCONF|NOREPLICAS|BUSY)\b"
)
"""Codes anywhere in the text of an error: Redis before 7 wraps the errors of a script in another one."""

_DENIED = re.compile(r"no permissions|can't run this command|can't access")
"""Texts of errors about a command in a script that the user has no permission to run."""

_FAR = frozenset({"READONLY", "LOADING", "MASTERDOWN"})
"""Replies of a server that cannot serve calls at the moment: it has become a replica, or is not ready yet."""

_ELSEWHERE = _FAR | {"MOVED", "CLUSTERDOWN"}
"""Replies after which the address is resolved again. The command was not executed."""

_ADVICE = {
    "AUTH": "put the right user and password into AROUTER_REDIS_URL",
    "NOPERM": "allow its user the commands of docs/operation.md on the keys arouter:*",
    "OOM": "raise its maxmemory; entries of limits expire by themselves",
    "WRONGTYPE": "delete the entry",
    "MOVED": "it is a cluster of several shards: use one of a single shard, or no cluster",
    "CROSSSLOT": "it is a cluster that does not honour hash tags: use one server",
    "MISCONF": "it cannot save to its disk",
    "NOREPLICAS": "it has fewer replicas than min-replicas-to-write",
    "PROTOCOL": "AROUTER_REDIS_URL names something that is not Valkey or Redis, or is reached only with TLS",
    "ERR": "limits need Redis 5 or later, or Valkey, with scripts, and a database number that exists",
}


class Valkey:
    """Runs scripts on the primary. A command is sent once, unless the reply says that it was not executed.

    Args:
        pool: The connections to the primary.
        clock: Seconds since the epoch, used until the server's time is known.
    """

    def __init__(self, pool: Pool, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        self._ahead: float | None = None
        self._generation = 0
        self._made: WeakKeyDictionary[AbstractConnection, int] = WeakKeyDictionary()

    def now(self) -> float:
        """Returns the server's time, which all processes share, in seconds since the epoch."""
        return self._clock() if self._ahead is None else self._ahead + time.monotonic()

    async def run(self, script: Script, keys: Keys, arguments: Arguments) -> list[Any]:
        """Runs a script and returns its result without the time at its beginning.

        Raises:
            StoreLostError: The server does not respond, or cannot serve calls at the moment.
            StoreRefusedError: The server replied with an error.
        """
        pool, generation = self._pool.connections, self._generation
        try:
            connection = await pool.get_connection("EVALSHA")
            try:
                if self._made.setdefault(connection, generation) != generation:
                    await self._reconnect(connection)
                generation = self._made[connection]
                sent = time.monotonic()
                reply = await self._ask(connection, script, keys, arguments)
            finally:
                await pool.release(connection)
        except (ValkeyError, OSError) as error:
            failure = _failure(error, keys)
            if isinstance(failure, StoreLostError):
                self._give_up(generation)
            raise failure from error
        except asyncio.CancelledError:
            # Usually this means that the timeout has passed.
            self._give_up(generation)
            raise
        self._ahead = int(reply[0]) + int(reply[1]) / 1e6 - (sent + time.monotonic()) / 2
        return reply[2:]

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    async def _ask(self, connection: AbstractConnection, script: Script, keys: Keys, arguments: Arguments) -> list[Any]:
        try:
            return await _evaluate(connection, script, keys, arguments)
        except (ResponseError, BusyLoadingError) as error:
            if _code(error) not in _ELSEWHERE:
                raise
        # The connection may lead to a server that was the primary before.
        self._give_up(self._made[connection])
        await self._reconnect(connection)
        return await _evaluate(connection, script, keys, arguments)

    async def _reconnect(self, connection: AbstractConnection) -> None:
        await connection.disconnect(nowait=True)
        await connection.connect()
        self._made[connection] = self._generation

    def _give_up(self, generation: int) -> None:
        """Makes all connections of a generation, which lead to the same server, reconnect before their next use."""
        if generation == self._generation:
            self._generation += 1


async def _evaluate(connection: AbstractConnection, script: Script, keys: Keys, arguments: Arguments) -> list[Any]:
    # If the server does not know the script, EVAL sends its text: SCRIPT LOAD needs a permission and proxies refuse it.
    reply: list[Any]
    try:
        await connection.send_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
        reply = await connection.read_response()
    except NoScriptError:
        await connection.send_command("EVAL", script.text, len(keys), *keys, *arguments)
        reply = await connection.read_response()
    return reply


def _failure(error: Exception, keys: Keys) -> StoreLostError | StoreRefusedError:
    code, text = _code(error), str(error)
    if code is None:
        return StoreLostError(f"{type(error).__name__}: {text}" if text else type(error).__name__)
    text = text if code in text else f"{code} {text}"
    if code in _FAR:
        return StoreLostError(text)
    advice = _ADVICE.get(code, "")
    return StoreRefusedError(code, text, f"{advice}: {', '.join(keys)}" if code == "WRONGTYPE" else advice)


def _code(error: Exception) -> str | None:
    """Returns the code of an error reply, or None if there was no reply."""
    for kind, code in _NAMED.items():
        if isinstance(error, kind):
            return code
    if not isinstance(error, ResponseError):
        return None
    text = str(error)
    if _DENIED.search(text):
        return "NOPERM"
    found = _CODE.search(text)
    return found.group() if found else "ERR"
