"""Runs scripts in Valkey or Redis, interprets its errors, replaces connections and reads the server's time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, TypeVar
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
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_U = TypeVar("_U")
_Reply = list[Any] | ResponseError | BusyLoadingError

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


class Command(Generic[_T_co]):
    """A script with its keys and arguments. Awaiting it runs it; `Valkey.together` runs two of them at once.

    Args:
        valkey: Runs it.
        script: The script.
        keys: Its keys.
        arguments: Its arguments.
        read: Returns the result from the script's, without the time at its beginning.
    """

    __slots__ = ("_arguments", "_read", "_script", "_valkey", "keys")

    def __init__(
        self, valkey: Valkey, script: Script, keys: Keys, arguments: Arguments, read: Callable[[list[Any]], _T_co]
    ) -> None:
        self.keys = keys
        self._valkey = valkey
        self._script = script
        self._arguments = arguments
        self._read = read

    def __await__(self) -> Generator[Any, None, _T_co]:
        """Runs the command. Raises as `Valkey.together` does."""
        (reply,) = yield from self._valkey.run((self,)).__await__()
        return self.read(reply)

    def read(self, reply: list[Any]) -> _T_co:
        """Returns the result."""
        return self._read(reply[2:])

    def by_digest(self) -> tuple[str | int, ...]:
        """Returns the EVALSHA command."""
        return ("EVALSHA", self._script.digest, len(self.keys), *self.keys, *self._arguments)

    def by_text(self) -> tuple[str | int, ...]:
        """Returns the EVAL command."""
        return ("EVAL", self._script.text, len(self.keys), *self.keys, *self._arguments)


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

    async def together(self, first: Command[_T], second: Command[_U]) -> tuple[_T, _U]:
        """Runs two commands, sent in one write. The second one is executed even if the first one fails.

        Raises:
            StoreLostError: The server does not respond, or cannot serve calls at the moment.
            StoreRefusedError: The server replied with an error.
        """
        one, other = await self.run((first, second))
        return first.read(one), second.read(other)

    async def run(self, commands: Sequence[Command[Any]]) -> list[list[Any]]:
        """Runs commands, sent in one write, and returns the results of their scripts. Raises as `together` does."""
        pool, generation = self._pool.connections, self._generation
        try:
            connection = await pool.get_connection("EVALSHA")
            try:
                if self._made.setdefault(connection, generation) != generation:
                    await self._reconnect(connection)
                generation = self._made[connection]
                sent = time.monotonic()
                replies = await self._ask(connection, commands)
            finally:
                await pool.release(connection)
        except (ValkeyError, OSError) as error:
            raise self._failed(error, (), generation) from error
        except asyncio.CancelledError:
            # Usually this means that the timeout has passed.
            self._give_up(generation)
            raise
        found = []
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, Exception):
                raise self._failed(reply, command.keys, generation) from reply
            found.append(reply)
        self._ahead = int(found[0][0]) + int(found[0][1]) / 1e6 - (sent + time.monotonic()) / 2
        return found

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    async def _ask(self, connection: AbstractConnection, commands: Sequence[Command[Any]]) -> list[_Reply]:
        replies = await _evaluate(connection, commands)
        if elsewhere := _errors(replies, lambda error: _code(error) in _ELSEWHERE):
            # The connection may lead to a server that was the primary before.
            self._give_up(self._made[connection])
            await self._reconnect(connection)
            again = await _evaluate(connection, [commands[index] for index in elsewhere])
            for index, reply in zip(elsewhere, again, strict=True):
                replies[index] = reply
        return replies

    def _failed(self, error: Exception, keys: Keys, generation: int) -> StoreLostError | StoreRefusedError:
        failure = _failure(error, keys)
        if isinstance(failure, StoreLostError):
            self._give_up(generation)
        return failure

    async def _reconnect(self, connection: AbstractConnection) -> None:
        await connection.disconnect(nowait=True)
        await connection.connect()
        self._made[connection] = self._generation

    def _give_up(self, generation: int) -> None:
        """Makes all connections of a generation, which lead to the same server, reconnect before their next use."""
        if generation == self._generation:
            self._generation += 1


async def _evaluate(connection: AbstractConnection, commands: Sequence[Command[Any]]) -> list[_Reply]:
    """Returns the reply of each command, or the error that it replied with."""
    # If the server does not know a script, EVAL sends its text: SCRIPT LOAD needs a permission and proxies refuse it.
    replies = await _replies(connection, [command.by_digest() for command in commands])
    if unknown := _errors(replies, lambda error: isinstance(error, NoScriptError)):
        again = await _replies(connection, [commands[index].by_text() for index in unknown])
        for index, reply in zip(unknown, again, strict=True):
            replies[index] = reply
    return replies


async def _replies(connection: AbstractConnection, commands: Sequence[tuple[str | int, ...]]) -> list[_Reply]:
    await connection.send_packed_command(connection.pack_commands(commands))
    found: list[_Reply] = []
    for _ in commands:
        try:
            found.append(await connection.read_response())
        except (ResponseError, BusyLoadingError) as error:
            found.append(error)
    return found


def _errors(replies: Sequence[_Reply], is_wanted: Callable[[Exception], bool]) -> list[int]:
    """Returns the positions of the errors for which `is_wanted` returns true."""
    return [at for at, reply in enumerate(replies) if isinstance(reply, Exception) and is_wanted(reply)]


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
