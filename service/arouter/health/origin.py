"""The origin of a call: the API key and the body, which failures may be caused by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


class Origin:
    """The API key and the request body of a call.

    Args:
        key: The key's hash.
        body: The request in canonical form.

    Attributes:
        key: The key's hash.
    """

    __slots__ = ("_body", "_digest", "key")

    def __init__(self, key: str, body: Mapping[str, Any]) -> None:
        self.key = key
        self._body = body
        self._digest: int | None = None

    @property
    def digest(self) -> int:
        """A hash of the body, valid in this process. Computed on first use: only calls that fail need it."""
        if self._digest is None:
            try:
                self._digest = hash(orjson.dumps(self._body))
            except orjson.JSONEncodeError:  # orjson reads deeper than it writes.
                self._digest = 0
        return self._digest
