"""Parses YAML to plain values. Rejects what YAML would silently misread or expand without bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from typing_extensions import override

_MAX_NODES = 1_000_000
"""Maximum number of nodes with all aliases expanded. A few lines of aliases can expand to billions."""


class DocumentError(Exception):
    """The document is invalid. The message is for its author."""


def parse_document(text: str) -> Any:
    """Parses a document; returns None if it is empty.

    Raises:
        DocumentError: The text is not YAML, is nested too deeply, repeats a key in a mapping, or has aliases that are
        recursive or expand to too many nodes.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 -- it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise DocumentError(f"{where}not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Also a ValueError for an invalid date and a RecursionError for too deep nesting.
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
        # YAML would use the last one.
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=node.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _count(node: yaml.Node, counts: dict[yaml.Node, int]) -> int:
    """Returns the number of nodes below a node, including itself; shared nodes are traversed only once."""
    if node not in counts:
        counts[node] = 0
        counts[node] = 1 + sum(_count(child, counts) for child in _children(node))
        if counts[node] > _MAX_NODES:
            raise yaml.MarkedYAMLError(problem="the aliases expand to too many nodes", problem_mark=node.start_mark)
    elif not counts[node]:
        raise yaml.MarkedYAMLError(problem="recursive alias", problem_mark=node.start_mark)
    return counts[node]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
