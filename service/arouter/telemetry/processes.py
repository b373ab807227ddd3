"""Memory, CPU time, file descriptors and start time of each process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override


class Processes(Collector):
    """The standard `process_*` metrics, with the label `process`.

    Args:
        pids: Returns the live processes: process ids by name.
    """

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids

    @override
    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for process, pid in self._pids().items():
            # A process that has just ended has none.
            for metric in _collect(pid):
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, {**sample.labels, "process": process}, sample.value)
        return families.values()


def _collect(pid: int) -> Iterable[Metric]:
    return ProcessCollector(pid=lambda: pid, registry=None).collect()
