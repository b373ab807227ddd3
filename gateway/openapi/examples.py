"""Examples from the documentation, whose requests and responses a test compares with real ones."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openapi.components import Json

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A request and its response.

    Attributes:
        method: The HTTP method.
        target: The path with the query.
        request: The body; None if it has none.
        response: A JSON value, or the text of a stream.
    """

    method: str
    target: str
    request: Json | None
    response: Json | str

    @property
    def summary(self) -> str:
        """What tells it from other examples of the same operation."""
        if self.is_error:
            return "Refused"
        if isinstance(self.response, str):
            return "Streamed"
        query = self.target.partition("?")[2]
        return f"With `{query}`" if query else "Plain"

    @property
    def path(self) -> str:
        """The path without the query."""
        return self.target.partition("?")[0]

    @property
    def is_error(self) -> bool:
        """Whether the request fails."""
        return isinstance(self.response, dict) and "error" in self.response


def read_examples(page: Path) -> Sequence[Example]:
    """Returns the examples of a page: blocks of kind `http`, each followed by one of kind `json` or `text`."""
    blocks = _FENCE.findall(page.read_text("utf-8"))
    found = []
    for (kind, request), (answer_kind, answer) in itertools.pairwise(blocks):
        if kind != "http":
            continue
        line, _, body = request.partition("\n")
        method, target = line.split()
        response = json.loads(answer) if answer_kind == "json" else answer
        found.append(Example(method, target, json.loads(body) if body.strip() else None, response))
    return found
