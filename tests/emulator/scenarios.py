"""The table: what the emulator does for each model name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from emulator import answers, wire
from emulator.call import Call

Scenario = Callable[[Call], Awaitable[web.StreamResponse]]

MEGABYTE = 1024 * 1024
RETRY_AFTER = "17"


# --- Right answers ----------------------------------------------------------------------------------------------------


async def text(call: Call) -> web.StreamResponse:
    if not call.wants_stream:
        return wire.document(answers.completion(call.model))
    return await wire.send(call, _text_events(call))


async def echo(call: Call) -> web.StreamResponse:
    """Answers with the last message's content."""
    said = str(call.json["messages"][-1]["content"])
    if not call.wants_stream:
        return wire.document(answers.completion(call.model, said))
    return await wire.send(call, wire.events(answers.text_chunks(call.model, [said], usage=call.wants_usage)))


async def tools(call: Call) -> web.StreamResponse:
    """Calls two tools in parallel."""
    if not call.wants_stream:
        return wire.document(answers.completion(call.model, None, tool_calls=answers.TOOL_CALLS))
    return await wire.send(call, wire.events(answers.tool_chunks(call.model, usage=call.wants_usage)))


async def reasoning(call: Call) -> web.StreamResponse:
    if not call.wants_stream:
        return wire.document(answers.completion(call.model, reasoning="".join(answers.REASONING)))
    return await wire.send(call, wire.events(answers.reasoning_chunks(call.model, usage=call.wants_usage)))


async def gated(call: Call) -> web.StreamResponse:
    """Streams up to the first word, then waits for `Call.release`. Not streamed, it waits before everything."""
    if not call.wants_stream:
        await call.released()
        return wire.document(answers.completion(call.model))
    pieces = _text_events(call)
    async with wire.stream(call) as response:
        await response.write(b"".join(pieces[:2]))
        call.started.set()
        await call.released()
        await response.write(b"".join(pieces[2:]))
    return response


async def stepped(call: Call) -> web.StreamResponse:
    """Streams up to the first word, then another for each `Call.release`; upon the last one, all that follows."""
    if not call.wants_stream:
        return await text(call)
    pieces, words_end = _text_events(call), 1 + len(answers.WORDS)
    response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
    # Said at first, so that what ends a chunked body is not on its way by itself.
    response.content_length = sum(map(len, pieces))
    await response.prepare(call.request)
    await response.write(b"".join(pieces[:2]))
    for piece in (*pieces[2:words_end], b"".join(pieces[words_end:])):
        await call.released()
        await response.write(piece)
    return response


async def flood(call: Call) -> web.StreamResponse:
    """Streams words as fast as they are taken and never ends."""
    words = b"".join(_text_events(call)[1:2]) * 100
    async with wire.stream(call) as response:
        while True:
            await response.write(words)


async def drip(call: Call) -> web.StreamResponse:
    """Streams a word every 50 ms and never ends."""
    pieces = _text_events(call)
    async with wire.stream(call) as response:
        await response.write(pieces[0])
        while True:
            await response.write(pieces[1])
            call.started.set()
            await asyncio.sleep(0.05)


# --- Right answers, oddly sent ----------------------------------------------------------------------------------------


def rewritten(rewrite: Callable[[list[bytes]], list[bytes]]) -> Scenario:
    """Streams the text with its events rewritten."""

    async def scenario(call: Call) -> web.StreamResponse:
        if not call.wants_stream:
            return await text(call)
        return await wire.send(call, rewrite(_text_events(call)))

    return scenario


def _bytewise(pieces: list[bytes]) -> list[bytes]:
    return [bytes([byte]) for byte in b"".join(pieces)]


def _with_pings(pieces: list[bytes]) -> list[bytes]:
    return [b": PROCESSING\n\n", b":\n", b"event: ping\n\n", b"retry: 10\n", *pieces]


def of_size(size: int) -> Scenario:
    """Answers with a text of `size` bytes; streamed, as a single event."""

    async def scenario(call: Call) -> web.StreamResponse:
        said = "x" * size
        if not call.wants_stream:
            return wire.document(answers.completion(call.model, said))
        return await wire.send(call, wire.events(answers.text_chunks(call.model, [said], usage=call.wants_usage)))

    return scenario


# --- Error answers ----------------------------------------------------------------------------------------------------


def status(code: int, headers: dict[str, str] | None = None) -> Scenario:
    """Fails with an HTTP status and an OpenAI error object."""

    async def scenario(call: Call) -> web.StreamResponse:
        return wire.document({"error": provider_error(code)}, code, headers)

    return scenario


def provider_error(code: int) -> dict[str, Any]:
    """Returns the error object of `status`."""
    return {"message": f"emulated failure {code}", "type": "emulated", "param": "temperature", "code": "emulated_code"}


def error_first(error: dict[str, Any]) -> Scenario:
    """Answers 200 with an error: the first event, or the whole body."""

    async def scenario(call: Call) -> web.StreamResponse:
        if not call.wants_stream:
            return wire.document({"error": error})
        return await wire.send(call, [wire.event({"error": error})])

    return scenario


async def error_midstream(call: Call) -> web.StreamResponse:
    error = {"message": "emulated overload", "type": "overloaded", "param": None, "code": None}
    if not call.wants_stream:
        return wire.document({"error": error})
    return await wire.send(call, [*_text_events(call)[:3], wire.event({"error": error})])


async def redirect(call: Call) -> web.StreamResponse:
    """Sends the router elsewhere: following would hand the credential to any host named there."""
    return web.Response(status=307, headers={"location": str(call.request.url.with_path("/elsewhere"))})


# --- Broken answers ---------------------------------------------------------------------------------------------------


async def hang(call: Call) -> web.StreamResponse:
    """Says nothing at all until released."""
    await call.released()
    return await text(call)


async def hang_midstream(call: Call) -> web.StreamResponse:
    async with wire.stream(call) as response:
        await response.write(b"".join(_text_events(call)[:3]))
        call.started.set()
        await call.released()
    return response


def broken(unary: bytes, pieces: Callable[[list[bytes]], list[bytes]]) -> Scenario:
    """Answers 200, ended properly, with wrong bytes."""

    async def scenario(call: Call) -> web.StreamResponse:
        if not call.wants_stream:
            return web.Response(body=unary, content_type="application/json")
        return await wire.send(call, pieces(_text_events(call)))

    return scenario


def cut(keep: Callable[[list[bytes]], list[bytes]]) -> Scenario:
    """Closes the connection before the answer's end."""

    async def scenario(call: Call) -> web.StreamResponse:
        if call.wants_stream:
            return await wire.send_and_cut(call, keep(_text_events(call)))
        wire.write_raw(call, b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"id":')
        return web.StreamResponse()

    return scenario


def raw(data: bytes) -> Scenario:
    """Answers with bytes that are not HTTP, or with none."""

    async def scenario(call: Call) -> web.StreamResponse:
        wire.write_raw(call, data)
        return web.StreamResponse()

    return scenario


def _text_events(call: Call) -> list[bytes]:
    return wire.events(answers.text_chunks(call.model, usage=call.wants_usage))


SCENARIOS: dict[str, Scenario] = {
    "text": text,
    "echo": echo,
    "vendor/echo": echo,
    "tools": tools,
    "reasoning": reasoning,
    "gated": gated,
    "stepped": stepped,
    "drip": drip,
    "flood": flood,
    "bytewise": rewritten(_bytewise),
    "one-packet": rewritten(lambda pieces: [b"".join(pieces)]),
    "pings": rewritten(_with_pings),
    "bom": rewritten(lambda pieces: [b"\xef\xbb\xbf", *pieces]),
    "crlf": rewritten(lambda pieces: [piece.replace(b"\n", b"\r\n") for piece in pieces]),
    "cr": rewritten(lambda pieces: [piece.replace(b"\n", b"\r") for piece in pieces]),
    "no-space": rewritten(lambda pieces: [piece.replace(b"data: ", b"data:") for piece in pieces]),
    "1mb": of_size(MEGABYTE),
    "11mb": of_size(11 * MEGABYTE),
    **{f"status-{code}": status(code) for code in (400, 401, 402, 403, 404, 408, 413, 422, 500, 503)},
    "status-429": status(429, {"retry-after": RETRY_AFTER}),
    "error-first": error_first({"message": "emulated overload", "type": "overloaded", "param": None, "code": None}),
    "error-first-429": error_first({"message": "emulated limit", "type": "limit", "param": None, "code": 429}),
    "error-midstream": error_midstream,
    "redirect": redirect,
    "hang": hang,
    "hang-midstream": hang_midstream,
    "garbage": broken(b"<html>not JSON</html>", lambda pieces: [b"data: {not JSON\n\n", *pieces]),
    "garbage-midstream": broken(b"{", lambda pieces: [*pieces[:3], b"data: {not JSON\n\n", *pieces[3:]]),
    "wrong-json": broken(b'{"ok": true}', lambda pieces: [b'data: {"ok": true}\n\n', *pieces]),
    "not-utf8": broken(b'{"choices": "\xff"}', lambda pieces: [b'data: {"choices": "\xff"}\n\n', *pieces]),
    "too-deep": broken(
        wire.encode({**answers.completion("m"), "vendor": wire.DEEP}),
        lambda pieces: [piece.replace(b"{", b'{"vendor":%b,' % wire.encode(wire.DEEP), 1) for piece in pieces],
    ),
    "empty": broken(b"", lambda _: []),
    "only-done": broken(b"null", lambda _: [wire.DONE]),
    "no-finish": broken(b"{}", lambda pieces: pieces[:3]),
    "done-without-finish": broken(b"{}", lambda pieces: [*pieces[:3], wire.DONE]),
    "cut-first-event": cut(lambda pieces: [pieces[0], pieces[1][:40]]),
    "cut-later-event": cut(lambda pieces: [*pieces[:3], pieces[3][:40]]),
    "no-answer": raw(b""),
    "not-http": raw(b"SSH-2.0-emulated\r\n"),
}
