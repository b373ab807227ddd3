"""Steady load: users who ask one after the other, half of them for streams, and note every answer that is not whole."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp

from support.stack import CLIENT_KEY


class Answered(NamedTuple):
    """One call.

    Attributes:
        user: Who asked.
        started: When, by the monotonic clock.
        stream: Whether a stream was asked for.
        fault: What was wrong, or None.
        status: The answer's, or 0 if none came.
        body: What came of it.
    """

    user: int
    started: float
    stream: bool
    fault: str | None
    status: int
    body: str


class Load:
    """Users at work.

    Attributes:
        answers: So far.
    """

    def __init__(self, url: str, model: str, text: str) -> None:
        self._url = url
        self._model = model
        self._text = text
        self.answers: list[Answered] = []

    @property
    def failed(self) -> list[Answered]:
        """The calls that were not answered as they should be."""
        return [answer for answer in self.answers if answer.fault is not None]

    @contextlib.asynccontextmanager
    async def running(self, users: int, every: float = 0.0) -> AsyncIterator[Load]:
        """Lets `users` ask until the block ends, and then finish.

        Args:
            users: How many.
            every: Seconds from one question of a user to the next, if the answer comes sooner.
        """
        stop = asyncio.Event()
        headers = {"authorization": f"Bearer {CLIENT_KEY}"}
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
            tasks = [asyncio.create_task(self._use(session, user, stop, every)) for user in range(users)]
            try:
                yield self
            finally:
                stop.set()
                await asyncio.gather(*tasks)

    async def more(self, count: int) -> None:
        """Waits until every user has been answered `count` times more, right or wrong."""
        start = dict.fromkeys({answer.user for answer in self.answers}, 0)
        before = len(self.answers)
        while not start or min(start.values()) < count:
            await asyncio.sleep(0.01)  # The users go on meanwhile.
            for answer in self.answers[before:]:
                start[answer.user] = start.get(answer.user, 0) + 1
            before = len(self.answers)

    async def _use(self, session: aiohttp.ClientSession, user: int, stop: asyncio.Event, every: float) -> None:
        stream = user % 2 == 1
        body = {"model": self._model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        while not stop.is_set():
            status, text, fault, started = 0, "", None, time.monotonic()
            try:
                async with session.post(self._url, json=body) as answer:
                    status = answer.status
                    async for data in answer.content.iter_any():
                        text += data.decode()
                fault = self._fault(status, text, stream)
            except (aiohttp.ClientError, OSError) as error:
                fault = repr(error)
            self.answers.append(Answered(user, started, stream, fault, status, text))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, started + every - time.monotonic()))

    def _fault(self, status: int, text: str, stream: bool) -> str | None:
        if status != 200:
            return f"status {status}"
        said = "".join(_deltas(text)) if stream else json.loads(text)["choices"][0]["message"]["content"]
        if said != self._text:
            return f"said {said!r}"
        return "no [DONE]" if stream and not text.endswith("data: [DONE]\n\n") else None


def _deltas(text: str) -> list[str]:
    events: list[dict[str, Any]] = [
        json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")
    ]
    return [event["choices"][0]["delta"].get("content") or "" for event in events if event.get("choices")]
