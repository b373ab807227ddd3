"""Keys in a PostgreSQL database that fails and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emulator import Emulator
from support.management import KEYS, managing
from support.postgres import running_postgres
from support.rest import Rest
from support.stack import running, started

CHAT = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}


def test_keys_outlive_their_database(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running_postgres() as server:
        environment = {"AROUTER_DATABASE_URL": server.new_database()}
        with started(tmp_path / "migrate", None, ("migrate",), environment) as migration:
            assert migration.wait() == 0, migration.log
        with running(tmp_path / "stack", config, environment=environment) as stack, managing(stack) as manager:
            key, secret = manager.create(name="kept")
            with Rest(stack.port, secret) as rest:
                assert rest.chat(CHAT).status == 200

                server.stop()
                for method, path in (("GET", KEYS), ("POST", KEYS), ("GET", "/v1/key")):
                    answer = manager.rest.request(method, path, {"name": "x"} if method == "POST" else None)
                    assert (answer.status, answer.error["code"]) == (503, "unavailable")
                    assert int(answer.headers["retry-after"]) > 0
                assert rest.chat(CHAT).status == 200, "keys are known without it"

                server.start()
                manager.until(lambda: manager.rest.get(KEYS).status == 200, "the database is back")
                assert [found["hash"] for found in manager.rest.get(KEYS).json["data"]] == [key["hash"]]
