"""A PostgreSQL database that goes and comes back: calls do not notice."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

from emulator import Emulator
from support.management import KEYS, managing
from support.postgres import running_postgres
from support.rest import Rest
from support.stack import Stack, running, started

CHAT = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}
CALLERS = 4


class Load:
    """Callers that call until they are told to stop, and what their calls ended with."""

    def __init__(self, stack: Stack, secret: str) -> None:
        self.statuses: Counter[int] = Counter()
        self._stack = stack
        self._secret = secret
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, calls: int) -> None:
        """Waits until so many more calls have ended."""
        wanted = self.statuses.total() + calls
        self._stack.process.wait_until(lambda: self.statuses.total() >= wanted, f"{calls} more calls")

    def _call(self) -> None:
        with Rest(self._stack.port, self._secret) as rest:
            while not self._stop.is_set():
                self.statuses[rest.chat(CHAT).status] += 1


def requests_recorded(rest: Rest) -> int:
    return sum(row["requests"] for row in rest.get("/api/v1/usage").json["data"])


def test_calls_go_on_and_their_records_arrive_later(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running_postgres() as server:
        environment = {"AROUTER_DATABASE_URL": server.new_database()}
        with started(tmp_path / "migrate", None, ("migrate",), environment) as migration:
            assert migration.wait() == 0, migration.log
        with running(tmp_path / "stack", config, environment=environment) as stack, managing(stack) as manager:
            key, secret = manager.create(name="kept")
            with Load(stack, secret) as load:
                load.more(100)
                server.stop()
                load.more(300)
                for method, path in (("GET", KEYS), ("POST", KEYS), ("GET", "/v1/key"), ("GET", "/api/v1/usage")):
                    answer = manager.rest.request(method, path, {"name": "x"} if method == "POST" else None)
                    assert (answer.status, answer.error["code"]) == (503, "unavailable")
                    assert int(answer.headers["retry-after"]) > 0
                load.more(100)
                server.start()
                manager.until(lambda: manager.rest.get(KEYS).status == 200, "the database is back")
                load.more(100)

            assert set(load.statuses) == {200}
            manager.until(lambda: requests_recorded(manager.rest) == len(emulator.calls), "all is recorded")
            assert [found["hash"] for found in manager.rest.get(KEYS).json["data"]] == [key["hash"]]
