"""One request as the provider saw it, and the test's hold on its answer."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from aiohttp import web


class Call:
    """A request to the emulator. Tests use it from their own thread.

    Attributes:
        headers: As received, names in lower case.
        raw: The body's bytes.
        json: The body, parsed; an object's keys in the order of the wire.
        path: The path and query asked for.
        model: The native model name asked for.
        started: Set once the first piece of a streamed answer is on the wire.
        disconnected: Set when the other side closes its connection before the answer's end.
        ended: Set when the emulator is through with it, either way.
    """

    def __init__(self, request: web.Request, raw: bytes) -> None:
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.raw = raw
        self.json: dict[str, Any] = json.loads(raw)
        self.path = request.path_qs
        # Gemini's protocol has it in the path: `…/models/<model>:<method>`.
        in_path: str | None = request.match_info.get("call")
        self.model: str = self.json["model"] if in_path is None else in_path.partition(":")[0]
        self.started = threading.Event()
        self.disconnected = threading.Event()
        self.ended = threading.Event()
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Semaphore(0)

    @property
    def request(self) -> web.Request:
        """The server's own request object; for scenarios."""
        return self._request

    @property
    def wants_stream(self) -> bool:
        """Whether a streamed answer is asked for."""
        return self.json.get("stream") is True or self._request.query.get("alt") == "sse"

    @property
    def counts(self) -> bool:
        """Whether only the tokens of the request are asked for."""
        return self._request.path.endswith(("/count_tokens", ":countTokens"))

    @property
    def wants_usage(self) -> bool:
        """Whether a streamed answer shall end with what was used."""
        return (self.json.get("stream_options") or {}).get("include_usage") is True

    def release(self) -> None:
        """Lets an answer that waits go on, once."""
        self._loop.call_soon_threadsafe(self._released.release)

    async def released(self) -> None:
        """Waits for a `release` of its own; for scenarios."""
        await self._released.acquire()
