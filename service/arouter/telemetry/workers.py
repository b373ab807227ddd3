"""Aggregates the metrics of several workers with prometheus_client's multiprocess mode: each writes its own files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

_KEPT = ("counter", "histogram")
"""Kinds of files whose values remain after their worker has ended. Gauges do not."""


class WorkerFiles(Collector):
    """The workers' metric files, in a temporary directory."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="arouter-metrics-")
        # Otherwise a scrape could see the values of a dead worker in neither of two files, or in both.
        self._lock = Lock()

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of a worker that writes here."""
        return {"PROMETHEUS_MULTIPROC_DIR": self._folder.name}

    @override
    def collect(self) -> Iterable[Metric]:
        with self._lock:
            return list(MultiProcessCollector.merge(self._files("*")))  # type: ignore[no-untyped-call]

    def retire(self, pid: int) -> None:
        """Removes a dead worker's gauges and adds its counts to the totals of dead workers, one file per kind."""
        with self._lock:
            for path in self._files(f"*_{pid}"):
                kind = Path(path).name.partition("_")[0]
                if kind in _KEPT:
                    self._add(path, f"{self._folder.name}/{kind}_retired.db")
                Path(path).unlink()

    def close(self) -> None:
        """Removes the directory."""
        with self._lock:
            self._folder.cleanup()

    def _files(self, name: str) -> list[str]:
        # An empty file has just been opened, or its worker died while doing so.
        return [str(path) for path in Path(self._folder.name).glob(f"{name}.db") if path.stat().st_size]

    def _add(self, source: str, target: str) -> None:
        sums = MmapedDict(target)  # type: ignore[no-untyped-call]
        for key, value, _, _ in MmapedDict.read_all_values_from_file(source):  # type: ignore[no-untyped-call]
            so_far, _ = sums.read_value(key)  # type: ignore[no-untyped-call]
            sums.write_value(key, so_far + value, 0.0)  # type: ignore[no-untyped-call]
        sums.close()  # type: ignore[no-untyped-call]
