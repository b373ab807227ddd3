"""A file is read when it has become another one, and is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from arouter.server.reload.watched_file import WatchedFile


def _write(path: Path) -> None:
    path.write_text("another")


def _append(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def _rename(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("text")
    other.rename(path)


def _remove(path: Path) -> None:
    path.unlink()


def _forbid(path: Path) -> None:
    path.chmod(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "arouter.yaml"
    path.write_text("text")
    return path


@pytest.fixture
def watched(path: Path) -> WatchedFile:
    watched = WatchedFile(path)
    watched.note()
    return watched


def test_a_file_never_read_is_to_be_read(path: Path) -> None:
    assert WatchedFile(path).has_changed()


def test_one_that_stays_is_not(watched: WatchedFile) -> None:
    assert [watched.has_changed() for _ in range(3)] == [False, False, False]


@pytest.mark.parametrize("change", [_write, _append, _rename, _remove, _forbid])
def test_one_that_has_changed_is_at_the_second_look(
    watched: WatchedFile, path: Path, change: Callable[[Path], None]
) -> None:
    """And each time until it is read."""
    change(path)

    assert [watched.has_changed() for _ in range(3)] == [False, True, True]
    watched.note()
    assert not watched.has_changed()


def test_one_that_is_being_written_is_not_read(watched: WatchedFile, path: Path) -> None:
    for _ in range(3):
        _append(path)
        assert not watched.has_changed()

    assert watched.has_changed()


def test_links_are_followed_anew(tmp_path: Path) -> None:
    """As in a mounted ConfigMap: the file is a link into a folder that is a link, and only the latter changes."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "arouter.yaml").write_text("text")
    data, path = tmp_path / "..data", tmp_path / "arouter.yaml"
    data.symlink_to("v1")
    path.symlink_to("..data/arouter.yaml")
    watched = WatchedFile(path)
    watched.note()

    swapped = tmp_path / "swapped"
    swapped.symlink_to("v2")
    swapped.rename(data)

    assert [watched.has_changed() for _ in range(2)] == [False, True]
