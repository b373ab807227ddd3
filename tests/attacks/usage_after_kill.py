"""`python -m attacks.usage_after_kill`: kills a service under load; every call that a client saw finished is on record.

Starts the service, an emulated provider and, with `--postgres`, a PostgreSQL server by itself, all on the loopback
device. Each round sends SIGKILL at a random moment: in turn to one worker, to all processes, to the supervisor alone.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from arouter.config.secret import Secret
from arouter.sql.database import Database, database_url
from arouter.sql.schema import migrate
from emulator import Emulator
from support.kills import TARGETS, Result, kill_again_and_again
from support.postgres import running_postgres
from support.stack import PROVIDER_KEY

_PRICES = {"prompt": 3.0, "completion": 15.0}


def main() -> None:
    """Parses the options and runs; exits with 1 if a record is missing or counted twice."""
    parser = argparse.ArgumentParser(prog="python -m attacks.usage_after_kill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="kills (default: 20)")
    parser.add_argument("--workers", type=int, default=2, help="(default: 2)")
    parser.add_argument("--clients", type=int, default=16, help="(default: 16)")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; printed if left out")
    parser.add_argument("--postgres", action="store_true", help="instead of an SQLite file")
    parser.add_argument("--gateway", action="store_true", help="call through a gateway instead of the service itself")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    print(f"{options.rounds} kills, {options.workers} workers, {options.clients} clients, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="arouter-kills-") as name, Emulator() as emulator:
        if options.postgres:
            with running_postgres() as server:
                result = asyncio.run(_run(Path(name), emulator, options, seed, server.new_database()))
        else:
            result = asyncio.run(_run(Path(name), emulator, options, seed, None))
    print(f"finished {result.finished}, broken {dict(result.broken)}")
    print(f"missing {result.missing or 0}, doubled {result.doubled}")
    print(f"sums of the records {result.recorded}, kept {result.summed}")
    sys.exit(not result.exact)


async def _run(folder: Path, emulator: Emulator, options: argparse.Namespace, seed: int, url: str | None) -> Result:
    if url is not None:
        database = Database(database_url(Secret(url), folder))
        await migrate(database)
        await database.close()
    row = {"id": "emu", "base_url": emulator.base_url, "api_keys": [PROVIDER_KEY]}
    config = {"providers": [{**row, "models": [{"name": "text", "prices": _PRICES}]}]}
    targets = [TARGETS[number % len(TARGETS)] for number in range(options.rounds)]
    return await kill_again_and_again(
        folder / "killed",
        config,
        targets,
        url=url,
        gateway=options.gateway,
        workers=options.workers,
        clients=options.clients,
        seed=seed,
    )


if __name__ == "__main__":
    main()
