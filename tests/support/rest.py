"""A plain HTTP/1.1 client on one connection, for what an SDK would hide."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

from judges.openai_answers import answer_faults, error_faults, stream_faults
from judges.rest_document import response_faults
from support.ports import HOST

TIMEOUT = 30.0
CHAT = "/v1/chat/completions"
_GATEWAY = "arouter"
"""Its `server` header; metrics, for example, have none."""


class Answer(NamedTuple):
    """A response, read whole.

    Attributes:
        headers: Names in lower case.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object; checks that the envelope is exactly the documented one, which may have `metadata`."""
        envelope = self.json
        assert list(envelope) == ["error"]
        error = envelope["error"]
        assert sorted(error.keys() - {"metadata"}) == ["code", "message", "param", "type"]
        assert isinstance(error["message"], str)
        assert error["message"]
        assert self.headers["content-type"].startswith("application/json")
        return error


class Rest:
    """One connection to a gateway. The answer to one request leaves it usable for the next."""

    def __init__(
        self, port: int, key: str | None = None, tls: ssl.SSLContext | None = None, timeout: float = TIMEOUT
    ) -> None:
        self._connection = (
            http.client.HTTPConnection(HOST, port, timeout=timeout)
            if tls is None
            else http.client.HTTPSConnection(HOST, port, timeout=timeout, context=tls)
        )
        self._key = key

    def __enter__(self) -> Rest:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    @property
    def socket(self) -> socket.socket | None:
        """The connection's socket, None before the first request and after the other side has closed it."""
        return self._connection.sock

    def close(self) -> None:
        self._connection.close()

    def vanish(self) -> None:
        """Closes the connection at once, even while an answer is being read from it."""
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def chat(self, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Posts to the chat endpoint; `body` is a document, or bytes to be sent as they are."""
        return self.request("POST", CHAT, body, headers)

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Sends a request and reads the whole answer. A header that is None is left out.

        The answer is checked: it is as the OpenAPI document says, and that to a chat has OpenAI's shape, whatever the
        test asks for.
        """
        response = self.open(method, path, body, headers)
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        if (method, path) == ("POST", CHAT):
            faults = chat_faults(answer)
            assert faults == [], (faults, answer.body)
        if answer.headers.get("server") == _GATEWAY:
            undocumented = response_faults(method, path, *answer)
            assert undocumented == [], (undocumented, answer.body)
        return answer

    def open(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None
    ) -> http.client.HTTPResponse:
        """Sends a request and returns once the headers of its answer are there."""
        self.send(method, path, body, headers)
        return self._connection.getresponse()

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None) -> None:
        """Sends a request and does not wait for an answer."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent: dict[str, str | None] = {"authorization": f"Bearer {self._key}"} if self._key else {}
        if data is not None:
            sent["content-type"] = "application/json"
        sent |= headers or {}
        # As urllib3, httpx and curl do it: a server that refuses a body may stop reading it, but has said why.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.request(method, path, data, {k: v for k, v in sent.items() if v is not None})


def events(body: bytes) -> Iterator[bytes]:
    """Yields the data of each event; checks that the stream is written exactly as documented."""
    assert body.endswith(b"\n\n")
    for block in body.removesuffix(b"\n\n").split(b"\n\n"):
        if block.startswith(b":"):
            continue
        assert block.startswith(b"data: ")
        assert b"\n" not in block
        yield block.removeprefix(b"data: ")


def chat_faults(answer: Answer) -> list[str]:
    """Returns where the answer to a chat is not of OpenAI's shape."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        return stream_faults(list(events(answer.body)))
    return (answer_faults if answer.status == 200 else error_faults)(answer.json)
