"""Judges every answer to a chat that OpenAI's Python SDK receives in a test, without the test asking for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest

from support.rest import CHAT, Answer, chat_faults, events

Judge = Callable[[httpx2.Response, bytes], None]


class SdkAnswers:
    """Reads along with every httpx2 client, once installed.

    Attributes:
        faults: What was wrong with the answers so far; one line each.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Makes each httpx2 client hand its answers over, those that are left before their end apart."""
        send, send_async = httpx2.Client.send, httpx2.AsyncClient.send

        def sent(client: httpx2.Client, request: httpx2.Request, **options: Any) -> httpx2.Response:
            response = send(client, request, **options)
            if _is_chat(request):
                if response.is_closed:
                    self._judge(response, response.content)
                else:
                    response.stream = _Recorded(response, self._judge)
            return response

        async def sent_async(client: httpx2.AsyncClient, request: httpx2.Request, **options: Any) -> httpx2.Response:
            response = await send_async(client, request, **options)
            if _is_chat(request):
                if response.is_closed:
                    self._judge(response, response.content)
                else:
                    response.stream = _AsyncRecorded(response, self._judge)
            return response

        patch.setattr(httpx2.Client, "send", sent)
        patch.setattr(httpx2.AsyncClient, "send", sent_async)

    def _judge(self, response: httpx2.Response, body: bytes) -> None:
        answer = Answer(response.status_code, dict(response.headers), body)
        if not _was_left(answer):
            self.faults += chat_faults(answer)


def _is_chat(request: httpx2.Request) -> bool:
    return request.method == "POST" and request.url.path == CHAT


def _was_left(answer: Answer) -> bool:
    """Says whether a stream was not read to its end, which is `[DONE]` or an error."""
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return False
    if not answer.body.endswith(b"\n\n"):
        return True
    *_, last = events(answer.body)
    return last != b"[DONE]" and not last.startswith(b'{"error"')


class _Recorded(httpx2.SyncByteStream):
    def __init__(self, response: httpx2.Response, judge: Judge) -> None:
        self._response, self._stream, self._judge = response, response.stream, judge
        self._body = b""

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._stream, httpx2.SyncByteStream)
        for piece in self._stream:
            self._body += piece
            yield piece

    def close(self) -> None:
        assert isinstance(self._stream, httpx2.SyncByteStream)
        self._stream.close()
        self._judge(self._response, self._body)


class _AsyncRecorded(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response, judge: Judge) -> None:
        self._response, self._stream, self._judge = response, response.stream, judge
        self._body = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        async for piece in self._stream:
            self._body += piece
            yield piece

    async def aclose(self) -> None:
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        await self._stream.aclose()
        self._judge(self._response, self._body)
