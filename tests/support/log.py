"""What a log of JSON lines says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from support.process import Process


def lines(log: str) -> Iterator[dict[str, Any]]:
    """Yields the JSON objects in a log; `arouter up` puts the part's name before each."""
    for line in log.splitlines():
        start = line.find("{")
        if start >= 0:
            try:
                document = json.loads(line[start:])
            except ValueError:
                continue  # Still being written, or not JSON.
            yield document


def chats(process: Process) -> list[dict[str, Any]]:
    """Returns the fields of the chat calls that the service has reported so far."""
    return [line for line in lines(process.log) if line.get("event") == "chat"]


def chat(process: Process, request_id: str, event: str = "chat") -> dict[str, Any]:
    """Waits for the report of a call, which is written a moment after it has ended."""

    def found() -> list[dict[str, Any]]:
        reports = [line for line in lines(process.log) if line.get("event") == event]
        return [line for line in reports if line["request_id"] == request_id]

    process.wait_until(lambda: bool(found()), f"through with {request_id}")
    [line] = found()
    return line
