"""Reads what a metrics port shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from support.rest import Rest


class Series(NamedTuple):
    """One line."""

    name: str
    labels: dict[str, str]
    value: float


class Scrape:
    """One answer of a metrics port.

    Attributes:
        text: As it came.
        types: Of the metrics, by name; a counter's with its `_total`.
        series: All lines.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.types: dict[str, str] = {}
        self.series: list[Series] = []
        for family in text_string_to_metric_families(text):
            # The parser writes `_total` behind every counter's name; Envoy does not.
            bare = family.type == "counter" and f"# TYPE {family.name} counter\n" in text
            name = f"{family.name}_total" if family.type == "counter" and not bare else family.name
            self.types[name] = family.type
            self.series += [Series(name if bare else each.name, each.labels, each.value) for each in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """Returns the sum of the series with that name that have those labels."""
        return sum(each.value for each in self.matching(name, **labels))

    def matching(self, name: str, **labels: str) -> Iterator[Series]:
        """Yields them."""
        return (each for each in self.series if each.name == name and labels.items() <= each.labels.items())

    def labels(self, name: str) -> set[str]:
        """Returns the names of all labels of a metric's series."""
        return {label for each in self.matching(name) for label in each.labels}


def scrape(port: int, path: str = "/metrics") -> Scrape:
    """Asks a metrics port, as Prometheus does: without a key."""
    with Rest(port) as rest:
        answer = rest.get(path)
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("text/plain")
    return Scrape(answer.body.decode())
