"""Serves chat in a client dialect: what the services of Messages, Responses, Gemini and text completions share."""

from __future__ import annotations

from functools import partial
from typing import Any

from google.api.httpbody_pb2 import HttpBody

from arouter.chat.chunks import Chunk
from arouter.chat.json_bounds import load_json
from arouter.chat.request import MAX_BODY_BYTES, ChatRequest
from arouter.dialects.dialect import Dialect, EventEncoder
from arouter.dialects.readable import readable
from arouter.errors import ARouterError, Failure, invalid_request
from arouter.rpc.answer_headers import answer_headers
from arouter.rpc.calls import ChatCalls
from arouter.rpc.context import Context, send_headers, write
from arouter.rpc.event_stream import EventStream
from arouter.rpc.json_body import answer_body


class DialectService:
    """Reads requests of a dialect, and writes responses in it.

    Args:
        dialect: Translates them.
        calls: Opens calls.
    """

    def __init__(self, dialect: Dialect, calls: ChatCalls) -> None:
        self._dialect = dialect
        self._calls = calls

    def read(self, body: HttpBody, context: Context, *, stream: bool | None = None, **members: Any) -> ChatRequest:
        """Returns the request of a body.

        Args:
            body: The request body.
            context: The call, whose metadata are the request's headers.
            stream: Whether the response is streamed, where the method determines it.
            members: Values that the URL sets, under the names that the dialect reads.

        Raises:
            ARouterError: INVALID_REQUEST; PAYLOAD_TOO_LARGE.
        """
        data = body.data
        if len(data) > MAX_BODY_BYTES:
            raise ARouterError(Failure.PAYLOAD_TOO_LARGE, f"The request body exceeds {MAX_BODY_BYTES} bytes.")
        if not data:
            raise invalid_request("The request has no body. Send a JSON object.")
        document = load_json(data, "The request body")
        if members and isinstance(document, dict):
            document = {**document, **members}
        return self._dialect.decode(document, _headers(context), stream=stream)

    async def write(self, chat: ChatRequest, context: Context) -> None:
        """Responds to a call of a streaming method: with events, or with one document if none are requested."""
        call = self._calls.answer(chat, context)
        if chat.stream:
            encoder = self._dialect.events(chat)
            events = EventStream(context, self._calls.keep_alive, encoder.content_type, encoder.keep_alive)
            await events.serve(call, partial(_encoded, encoder), encoder.finish, encoder.fail)
        else:
            async with call as answer:
                document = self._document(answer.completion, chat)
                await send_headers(context, answer_headers(answer))
            await write(context, document)

    async def complete(self, chat: ChatRequest, context: Context) -> HttpBody:
        """Responds to a call of a unary method."""
        async with self._calls.answer(chat, context) as answer:
            context.set_trailing_metadata(answer_headers(answer))
            return self._document(answer.completion, chat)

    def _document(self, completion: Chunk, chat: ChatRequest) -> HttpBody:
        return answer_body(self._dialect.encode(readable(completion), chat))


def _encoded(encoder: EventEncoder, chunks: list[Chunk]) -> bytes:
    return encoder.encode([readable(chunk) for chunk in chunks])


def _headers(context: Context) -> dict[str, str]:
    """Returns the request's headers. Several lines of one name are a list (RFC 9110, 5.3)."""
    metadata: Any = context.invocation_metadata() or ()
    headers: dict[str, str] = {}
    for name, value in metadata:
        if isinstance(value, str):
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
