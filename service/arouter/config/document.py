"""YAML to plain values. What YAML would quietly get wrong, or without end, is an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from typing_extensions import override

_MAX_NODES = 1_000_000
"""Of a document whose aliases are written out. A few lines of them can stand for billions."""


class DocumentError(Exception):
    """A document cannot be used. The message is for the person who wrote it."""


def parse_document(text: str) -> Any:
    """Returns what a document says: None, if it says nothing.

    Raises:
        DocumentError: It is no YAML, or nested too deeply; it has a key twice in one mapping, an alias in what that
            stands for, or aliases that stand for too much.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 -- it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise DocumentError(f"{where}not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # The two others for a date that is none, and for what is nested too deeply.
        raise DocumentError(f"not valid YAML: {error}") from error


class _Loader(yaml.SafeLoader):
    @override
    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _count(node, {})
        return node

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        # YAML would take the last.
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"{key.value!r} is there twice", problem_mark=node.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _count(node: yaml.Node, counts: dict[yaml.Node, int]) -> int:
    """Returns how many nodes there are in one, which is counted once however often it occurs."""
    if node not in counts:
        counts[node] = 0
        counts[node] = 1 + sum(_count(child, counts) for child in _children(node))
        if counts[node] > _MAX_NODES:
            raise yaml.MarkedYAMLError(problem="its aliases stand for too much", problem_mark=node.start_mark)
    elif not counts[node]:
        raise yaml.MarkedYAMLError(problem="an alias in what it stands for", problem_mark=node.start_mark)
    return counts[node]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
