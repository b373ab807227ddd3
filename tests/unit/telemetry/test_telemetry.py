"""What is shown of many models and of dead workers, and what a run without metrics loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from arouter.telemetry.instruments import ModelNames
from arouter.telemetry.workers import WorkerFiles


def test_from_some_number_on_models_are_not_told_apart() -> None:
    names = ModelNames(most=2)

    assert [names[id_] for id_ in ("p/a", "p/vendor/b", "q/c", "p/a", "q/d")] == [
        ("p", "a"),
        ("p", "vendor/b"),
        ("q", "other"),
        ("p", "a"),
        ("q", "other"),
    ]
    assert len(names) == 2


@pytest.fixture
def files() -> Iterator[WorkerFiles]:
    files = WorkerFiles()
    yield files
    files.close()


def write(files: WorkerFiles, kind: str, pid: int, values: Mapping[str, float]) -> None:
    """Writes a worker's file, of series by the value of their label."""
    file = MmapedDict(f"{folder(files)}/{kind}_{pid}.db")
    for label, value in values.items():
        suffix = "_total" if kind == "counter" else ""
        file.write_value(mmap_key("m", f"m{suffix}", ["l"], [label], "help"), value, 0.0)
    file.close()


def folder(files: WorkerFiles) -> Path:
    return Path(files.variables["PROMETHEUS_MULTIPROC_DIR"])


def shown(files: WorkerFiles) -> dict[str, float]:
    return {sample.labels["l"]: sample.value for family in files.collect() for sample in family.samples}


def test_counts_of_the_dead_stay_in_one_file(files: WorkerFiles) -> None:
    write(files, "counter", 11, {"a": 1, "b": 10})
    write(files, "counter", 111, {"a": 100})

    files.retire(11)
    assert shown(files) == {"a": 101, "b": 10}
    # The system may give a number again.
    write(files, "counter", 11, {"a": 1000})
    files.retire(111)
    files.retire(11)

    assert shown(files) == {"a": 1101, "b": 10}
    assert [path.name for path in folder(files).iterdir()] == ["counter_retired.db"]


def test_gauges_of_the_dead_go(files: WorkerFiles) -> None:
    write(files, "gauge_livesum", 11, {"a": 1})
    write(files, "gauge_livesum", 12, {"a": 10})

    files.retire(11)

    assert shown(files) == {"a": 10}


def test_a_worker_may_die_while_it_opens_its_file(files: WorkerFiles) -> None:
    (folder(files) / "counter_11.db").touch()

    assert shown(files) == {}
    files.retire(11)
    assert shown(files) == {}


def test_without_a_port_nothing_is_loaded() -> None:
    program = (
        "import sys, arouter.server.processes.worker, arouter.server.processes.supervisor\n"
        "print('prometheus_client' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout == b"False\n"
