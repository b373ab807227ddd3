"""What a PromQL query asks for."""

from __future__ import annotations

import re
from typing import NamedTuple

import promql_parser
from promql_parser import AggModifierType, AggregateExpr, BinaryExpr, Expr, MatchOp, MatrixSelector, VectorSelector


class Selector(NamedTuple):
    """Series that a query reads.

    Attributes:
        name: Of the metric.
        labels: Names of all labels that it picks or groups them by.
        values: What the values of some must be: patterns by label.
    """

    name: str
    labels: set[str]
    values: dict[str, str]


def selectors(query: str) -> list[Selector]:
    """Returns what a query reads.

    Raises:
        ValueError: It is not PromQL.
    """
    return _read(promql_parser.parse(query), frozenset())


def _read(expr: Expr, grouped: frozenset[str]) -> list[Selector]:
    """Goes down the query with the labels by which the series below are grouped or matched."""
    if isinstance(expr, MatrixSelector):
        expr = expr.vector_selector
    if isinstance(expr, VectorSelector):
        matchers = expr.matchers.matchers
        values = {each.name: re.escape(each.value) for each in matchers if each.op == MatchOp.Equal and each.value}
        values |= {each.name: each.value for each in matchers if each.op == MatchOp.Re}
        assert expr.name, f"no name: {expr}"
        return [Selector(expr.name, grouped | {each.name for each in matchers}, values)]
    if isinstance(expr, AggregateExpr) and expr.modifier is not None:
        assert expr.modifier.type == AggModifierType.By, f"write `by`, which can be checked: {expr}"
        grouped |= set(expr.modifier.labels)
    if isinstance(expr, BinaryExpr):
        matching = expr.modifier.matching if expr.modifier else None
        grouped |= set(matching.labels) if matching else set()
        return _read(expr.lhs, grouped) + _read(expr.rhs, grouped)
    below = [expr.expr] if hasattr(expr, "expr") else list(getattr(expr, "args", []))
    return [found for each in below for found in _read(each, grouped)]
