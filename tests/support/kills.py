"""Kills a service again and again under load; compares the calls that clients saw finished with the usage records."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

import grpc
import psutil
import yaml
from sqlalchemy import func, select

from arouter.config.secret import Secret
from arouter.sql.database import Database, database_url
from arouter.sql.tables import usage, usage_daily
from support.cluster import Gateway
from support.kill_clients import Clients, GrpcClients, RestClients
from support.ports import HOST, free_ports
from support.process import Process
from support.stack import CLIENT_KEY, GRPC_OPTIONS, assert_clean, wait_serving

Target = Literal["worker", "service", "supervisor"]
"""What SIGKILL is sent to: one of the workers, all processes at once, or the supervisor alone."""

TARGETS: tuple[Target, ...] = ("worker", "service", "supervisor")

_LIMIT = 60.0
_POLL = 0.1


class Killed:
    """`arouter serve` with workers, always on the same port with the same state.

    Attributes:
        port: Its gRPC port.
        runs: Its processes so far.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any], workers: int, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._command = ["serve", "--workers", str(workers)]
        self._workers = workers
        [self.port] = free_ports(1)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "arouter.yaml").write_text(yaml.safe_dump(dict(config)), "utf-8")
        self._environment = {
            "AROUTER_CONFIG": str(folder / "arouter.yaml"),
            "AROUTER_STATE_DIR": str(folder / "state"),
            "AROUTER_GRPC_PORT": str(self.port),
            "AROUTER_DEV_KEY": CLIENT_KEY,
            "AROUTER_LOG_LEVEL": "warning",
            **environment,
        }
        self.runs: list[Process] = []

    @property
    def process(self) -> Process:
        """The one that runs now, or ran last."""
        return self.runs[-1]

    def start(self) -> None:
        """Starts it and waits until all of it serves."""
        folder = self._folder / f"run{len(self.runs)}"
        folder.mkdir()
        self.runs.append(Process(self._command, self._environment, folder))
        with grpc.insecure_channel(f"{HOST}:{self.port}", options=GRPC_OPTIONS) as channel:
            wait_serving(self.process, channel)
        self.process.wait_until(lambda: len(self.workers()) == max(self._workers, 1), "complete")

    def workers(self) -> list[psutil.Process]:
        """Returns the processes that serve calls."""
        if self._workers == 1:
            return [psutil.Process(self.process.pid)]
        return [child for child in self.process.children() if _is_worker(child)]

    def kill(self, target: Target, chance: random.Random) -> None:
        """Sends SIGKILL, and restarts what no supervisor restarts."""
        workers = self.workers()
        if target == "worker" and self._workers > 1:
            chance.choice(workers).kill()
            return
        self.process.send_signal(signal.SIGKILL)
        if target == "service":
            for worker in workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.kill()
        self.process.wait()
        psutil.wait_procs(workers, timeout=_LIMIT)
        self.start()

    def stop(self) -> None:
        """Stops it as an operator does."""
        assert self.process.stop(signal.SIGTERM) == 0, self.process.log
        for process in self.runs:
            assert_clean(process.log)

    def end(self) -> None:
        """The last resort."""
        for process in self.runs:
            process.kill()


class Books(NamedTuple):
    """What a database says.

    Attributes:
        rows: The ids of all records.
        recorded: Requests, tokens and cost by day, as the records say.
        summed: The same as the sums say.
    """

    rows: Counter[str]
    recorded: dict[date, tuple[int, ...]]
    summed: dict[date, tuple[int, ...]]

    def missing(self, finished: Mapping[str, str]) -> Counter[str]:
        """Returns of which kinds calls are missing that clients saw finished."""
        return Counter(kind for id_, kind in finished.items() if id_ not in self.rows)


async def books(database: Database) -> Books:
    """Reads the records and their sums."""
    async with database.begin() as connection:
        rows = (await connection.execute(select(usage))).all()
        day = usage_daily.c
        sums = [func.sum(day[name]) for name in ("requests", "prompt_tokens", "completion_tokens", "cost_nanos")]
        summed = (await connection.execute(select(day.day, *sums).group_by(day.day))).all()
    recorded: dict[date, tuple[int, ...]] = {}
    for row in rows:
        of = time.gmtime(row.created_ms / 1000)
        key = date(of.tm_year, of.tm_mon, of.tm_mday)
        more = (1, row.prompt_tokens, row.completion_tokens, row.cost_nanos)
        recorded[key] = tuple(map(sum, zip(recorded.get(key, (0, 0, 0, 0)), more, strict=True)))
    return Books(
        Counter(row.generation_id for row in rows), recorded, {row[0]: tuple(map(int, row[1:])) for row in summed}
    )


async def until_recorded(database: Database, finished: Mapping[str, str]) -> None:
    """Waits until the calls are on record."""
    async with asyncio.timeout(_LIMIT):
        while (await books(database)).missing(finished):  # noqa: ASYNC110
            await asyncio.sleep(_POLL)  # Other processes write, which have no way to tell us.


class Result(NamedTuple):
    """What came of some rounds.

    Attributes:
        finished: Calls that clients saw finished.
        broken: Calls that failed, by how.
        missing: Of those finished, those without a record, by kind.
        doubled: Records beyond one a call.
        recorded: Sums of the records.
        summed: The sums kept beside them.
    """

    finished: int
    broken: Counter[str]
    missing: dict[str, int]
    doubled: int
    recorded: dict[date, tuple[int, ...]]
    summed: dict[date, tuple[int, ...]]

    @property
    def exact(self) -> bool:
        """Says whether nothing is missing and nothing counted twice."""
        return not self.missing and not self.doubled and self.recorded == self.summed


async def kill_again_and_again(
    folder: Path,
    config: Mapping[str, Any],
    targets: list[Target],
    *,
    url: str | None = None,
    gateway: bool = False,
    workers: int = 2,
    clients: int = 16,
    seed: int = 0,
) -> Result:
    """Kills once for each of `targets`, at random moments; compares what clients saw with what was recorded.

    After each kill the load goes on until the calls from before it are recorded, by whichever process.

    Args:
        folder: An empty one for its files.
        config: The content of its `arouter.yaml`.
        targets: What is killed.
        url: A migrated PostgreSQL database; else an SQLite file is used.
        gateway: Whether clients call through a gateway; else the service itself.
        workers: How many the service has.
        clients: How many call.
        seed: Decides on the moments.
    """
    chance = random.Random(seed)
    environment = {} if url is None else {"AROUTER_DATABASE_URL": url}
    service = Killed(folder, config, workers, environment)
    database = Database(database_url(None if url is None else Secret(url), folder / "state"))
    front = Gateway(folder / "gateway", {}, [f"{HOST}:{service.port}"]) if gateway else None
    try:
        await asyncio.to_thread(service.start)
        if front is not None:
            await asyncio.to_thread(front.start)
        users: Clients = GrpcClients(service.port) if front is None else RestClients(front.port)
        async with users.calling(clients) as load:
            for target in targets:
                await load.more(4 * clients)
                await asyncio.sleep(chance.uniform(0, 0.7))  # The moment is to be a random one.
                await asyncio.to_thread(service.kill, target, chance)
                await until_recorded(database, dict(load.finished))
        await asyncio.to_thread(service.stop)
        found = await books(database)
        doubled = sum(count - 1 for count in found.rows.values())
        return Result(
            len(load.finished),
            load.broken,
            dict(found.missing(load.finished)),
            doubled,
            found.recorded,
            found.summed,
        )
    finally:
        service.end()
        if front is not None:
            front.end()
        await database.close()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-1:] == ["worker"]
    except psutil.Error:
        return False
