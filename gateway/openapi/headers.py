"""The response headers, from the tables of docs/api.md and docs/limits.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from openapi.components import Components, Json
from openapi.prose import table_rows, without_links

ROOT = Path(__file__).parents[2]
_TABLE = "| response header | |"
_LIMITS_TABLE = "| header | value |"
_NAMES = re.compile(r"`([^`]+)`")
_ALL_LIMITS = "x-ratelimit-…"
_ESTIMATED = "x-arouter-estimated"
_RETRY = "retry-after"
_REQUEST_ID = "x-request-id"
_OF_ATTEMPTS = ("x-arouter-provider", "x-arouter-route")
_WITH_RETRY = (429, 503)


@cache
def descriptions() -> Mapping[str, str]:
    """Returns the headers and what they mean."""
    found = {_NAMES.findall(name)[0]: text for name, text in table_rows(ROOT / "docs/api.md", _TABLE)}
    del found[_ALL_LIMITS]
    for names, text in table_rows(ROOT / "docs/limits.md", _LIMITS_TABLE):
        first, *others = _NAMES.findall(names)
        # `x-ratelimit-limit-tokens`, `-remaining-tokens`: the others replace the end of the first.
        for name in (first, *(f"x-ratelimit{other}" for other in others)):
            found.setdefault(name, text)
    return {name: without_links(re.sub(r" \(\[[^)]*\)\)", "", text)) for name, text in found.items()}


def of_successes(components: Components, *, calls_a_model: bool, counts_tokens: bool) -> Json:
    """Returns the headers of a successful response."""
    names = [_REQUEST_ID]
    if counts_tokens:
        names.append(_ESTIMATED)
    if calls_a_model:
        names += [name for name in descriptions() if name not in (_REQUEST_ID, _ESTIMATED, _RETRY)]
    return _references(components, names)


def of_errors(components: Components, status: int) -> Json:
    """Returns the headers of an error."""
    names = [_REQUEST_ID]
    if status in _WITH_RETRY:
        names.append(_RETRY)
    if status >= 500 or status == 429:
        names += _OF_ATTEMPTS
    if status == 429:
        names += [name for name in descriptions() if name.startswith("x-ratelimit")]
    return _references(components, names)


def _references(components: Components, names: list[str]) -> Json:
    def build(name: str) -> Json:
        kind = "integer" if name == _RETRY else "string"
        return {"description": descriptions()[name], "schema": {"type": kind}}

    return {name: components.add("headers", name, lambda name=name: build(name)) for name in names}  # type: ignore[misc]
