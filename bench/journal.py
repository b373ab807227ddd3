"""`python -m bench.journal`: what the journal of usage records costs a call, and what other ways would cost.

- encoding: the record becomes a frame.
- journal: `Journal.append`, which encodes and writes; what a call pays.
- gathered: the calls that end in one turn of the event loop share a write, and each waits for it.
- mapped: a frame is copied into a file that is mapped into memory.
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from arouter.chat.usage import Usage
from arouter.usage.journal import Journal
from arouter.usage.journal_format import encode_records
from arouter.usage.record import UsageRecord

_RECORD = UsageRecord(
    "gen-1764200000-0123456789abcdef01234567",
    1,
    "acme",
    "a" * 64,
    "openai/gpt-5.4",
    "openai",
    1764200000123,
    1523,
    210,
    "ok",
    True,
    Usage(1200, 345, 100, 0, 50),
    123456789,
    False,
)


def main() -> None:
    """Parses the options, measures and prints microseconds of CPU time a call: the median of seven rounds."""
    parser = argparse.ArgumentParser(prog="python -m bench.journal", description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the file system to measure (default: a temporary one)")
    parser.add_argument("--calls", type=int, default=20_000, help="in a round (default: 20000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        journal = Journal(folder / "usage", "bench", 1 << 40)
        _print("encoding", _timed(lambda: encode_records([_RECORD]), options.calls))
        _print("journal", _timed(lambda: journal.append([_RECORD]), options.calls))
        _print("mapped", _mapped(folder / "mapped", options.calls))
        for together in (1, 4, 16):
            nothing, at_once, gathered = uvloop.run(_in_turns(folder, together, options.calls))
            print(f"{together:2} a turn: at once {at_once - nothing:.1f} µs, gathered {gathered - nothing:.1f} µs")
        journal.close()


def _timed(work: Callable[[], object], calls: int, rounds: int = 7) -> list[float]:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(calls):
            work()
        times.append((time.process_time() - start) / calls * 1e6)
    return times


def _mapped(path: Path, calls: int) -> list[float]:
    frame = encode_records([_RECORD])
    path.write_bytes(bytes(len(frame) * calls))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        position = 0

        def work() -> None:
            nonlocal position
            data = encode_records([_RECORD])
            memory[position : position + len(data)] = data
            position = (position + len(data)) % (len(frame) * (calls - 1))

        return _timed(work, calls)


async def _in_turns(folder: Path, together: int, calls: int) -> tuple[float, float, float]:
    loop = asyncio.get_running_loop()
    descriptor = os.open(folder / "turns", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    frames: list[bytes] = []
    waiting: list[asyncio.Future[None]] = []

    def flush() -> None:
        os.write(descriptor, b"".join(frames))
        frames.clear()
        for each in waiting:
            each.set_result(None)
        waiting.clear()

    async def nothing() -> None:
        await asyncio.sleep(0)

    async def at_once() -> None:
        await asyncio.sleep(0)
        os.write(descriptor, encode_records([_RECORD]))

    async def gathered() -> None:
        await asyncio.sleep(0)
        if not frames:
            loop.call_soon(flush)
        frames.append(encode_records([_RECORD]))
        future = loop.create_future()
        waiting.append(future)
        await future

    found = []
    for call in (nothing, at_once, gathered):
        times = []
        for _ in range(7):
            os.ftruncate(descriptor, 0)
            start = time.process_time()
            for _ in range(calls // together):
                await asyncio.gather(*(call() for _ in range(together)))
            times.append((time.process_time() - start) / calls * 1e6)
        found.append(statistics.median(times))
    os.close(descriptor)
    return found[0], found[1], found[2]


def _print(name: str, times: list[float]) -> None:
    print(f"{name:9}{statistics.median(times):6.1f} µs ({min(times):.1f} to {max(times):.1f})")


if __name__ == "__main__":
    main()
