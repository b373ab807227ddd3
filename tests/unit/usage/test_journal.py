"""The journal's files: bounded, removed when they are not needed, and whole whatever the disk does."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arouter.usage import journal as module
from arouter.usage.journal import Journal, lock
from arouter.usage.journal_format import Contents, decode, encode_records

from .conftest import record

MAX = 1 << 30
FRAME = len(encode_records([record(1)]))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def contents(folder: Path) -> list[Contents]:
    return [decode(path.read_bytes()) for path in files(folder)]


def read(folder: Path) -> set[str]:
    return {record.generation_id for each in contents(folder) for record in each.records}


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    journal = Journal(folder, "sqlite", MAX)
    journal.open()
    yield journal
    journal.close()


def test_a_record_is_in_the_file_at_once(journal: Journal, folder: Path) -> None:
    journal.append([record(1)])
    journal.append([record(2), record(3)])

    assert read(folder) == {"gen-1", "gen-2", "gen-3"}
    [path] = files(folder)
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_file_is_locked_while_it_is_written_to(journal: Journal, folder: Path) -> None:
    [path] = files(folder)
    with path.open("rb") as file:
        assert not lock(file.fileno())
    journal.append([record(1)])
    journal.close()
    with path.open("rb") as file:
        assert lock(file.fileno())


def test_what_the_database_has_is_removed(journal: Journal, folder: Path) -> None:
    [path] = files(folder)
    empty = path.stat().st_size
    segments = [journal.append([record(number)]) for number in range(3)]

    journal.release(segments[:2])
    assert path.stat().st_size > empty
    journal.release(segments[2:])
    assert path.stat().st_size == empty

    journal.append([record(4)])
    assert read(folder) == {"gen-4"}


def test_files_are_rotated(journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SEGMENT_BYTES", 3 * FRAME)
    segments = []
    for number in range(10):
        segments.append(journal.append([record(number)]))
        journal.rotate()
    assert len(files(folder)) == 4

    journal.release(segments[:5])
    assert read(folder) == {f"gen-{number}" for number in range(3, 10)}
    journal.release(segments[5:])
    assert read(folder) == set()
    assert len(files(folder)) == 1


def test_a_deleted_file_is_replaced(journal: Journal, folder: Path) -> None:
    [path] = files(folder)
    path.unlink()
    journal.rotate()
    journal.append([record(1)])

    assert read(folder) == {"gen-1"}


def test_the_size_is_bounded(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(folder, "sqlite", 10 * FRAME)
    segments = [journal.append([record(number % 10)]) for number in range(20)]

    kept = [segment for segment in segments if segment]
    assert len(kept) in (8, 9)
    assert sum(path.stat().st_size for path in files(folder)) <= 10 * FRAME
    assert journal.missed == 20 - len(kept)
    assert caplog.text.count("usage.max_journal_bytes is reached") == 1

    journal.release(segments)
    assert journal.append([record(1)])
    assert caplog.text.count("again") == 1
    journal.close()


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Has writes beyond a size fail in the middle, as they do on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_leaves_whole_frames(
    journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_RETRY_INTERVAL", 0.0)
    journal.append([record(1)])
    [path] = files(folder)
    with file_size_limit(path.stat().st_size + FRAME // 2):
        assert journal.append([record(2)]) is None
    assert journal.append([record(3)])

    assert [(each.unread, each.damaged) for each in contents(folder)] == [(0, False)] * 2
    assert read(folder) == {"gen-1", "gen-3"}
    assert journal.missed == 1
    assert caplog.text.count("are not written to the journal") == 1
    assert caplog.text.count("are written to the journal again") == 1


@pytest.mark.parametrize("fault", ["read-only", "gone"])
def test_no_folder_is_said_once_and_tried_again(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_RETRY_INTERVAL", 0.0)
    place = tmp_path / "place"
    place.write_text("not a folder") if fault == "gone" else place.symlink_to("/proc/self")
    journal = Journal(place / "usage", "sqlite", MAX)
    journal.open()
    for number in range(3):
        assert journal.append([record(number)]) is None
    assert (journal.missed, caplog.text.count("are not written to the journal")) == (3, 1)

    place.unlink()
    assert journal.append([record(3)])
    assert read(place / "usage") == {"gen-3"}
    journal.close()


def test_a_failing_disk_is_not_asked_for_each_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    def create(*_: object) -> object:
        nonlocal tries
        tries += 1
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "_create", create)
    journal = Journal(tmp_path, "sqlite", MAX)
    for number in range(100):
        assert journal.append([record(number)]) is None

    assert (tries, journal.missed) == (1, 100)
    assert "Input/output error" in caplog.text


async def test_everything_is_flushed_once(journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    flush: Callable[[int], None] = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (flushed.append(descriptor), flush(descriptor)))
    segment = journal.append([record(1)])
    await journal.sync()
    await journal.sync()
    assert len(flushed) == 1

    journal.append([record(2)])
    await asyncio.gather(journal.sync(), asyncio.to_thread(lambda: None))
    assert len(flushed) == 2
    journal.release([segment, segment])
