"""The adapter behind the one driver, against a server on a socket: paths as they arrive, the key, and paging."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from unit.providers.gemini.wire import ADAPTER, load, read

from arouter.chat.request import ChatRequest
from arouter.config.provider_schema import Timeouts
from arouter.config.secret import Secret
from arouter.errors import ProviderError
from arouter.providers.adapter import ListedModel
from arouter.providers.driver import MAX_MODEL_PAGES, Upstream
from arouter.providers.provider import Credential, Provider
from support.chunks import next_chunks

KEY = "canary-key"


class Google:
    """Answers with the golden cases and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.pages: dict[str | None, Any] = {}
        self.case = "text"

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.raw_path, request.headers.get("x-goog-api-key")))
        if request.method == "GET":
            return web.Response(body=orjson.dumps(self.pages[request.query.get("pageToken")]))
        if request.query.get("alt") == "sse":
            return web.Response(body=read(self.case, "stream.wire.txt"), content_type="text/event-stream")
        if self.case.startswith("error_"):
            wire = load(self.case, "error.wire.json")
            return web.Response(body=orjson.dumps(wire["body"]), status=wire["status"])
        return web.Response(body=read(self.case, "response.wire.json"))


@pytest.fixture
async def google() -> AsyncIterator[tuple[Google, Provider, Upstream]]:
    google = Google()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", google.answer)
    upstream = Upstream(max_connections=4)
    async with TestServer(app) as server:
        yield google, provider_at(str(server.make_url("")).rstrip("/")), upstream
        await upstream.close()


def provider_at(base_url: str) -> Provider:
    return Provider(
        id="google",
        adapter=ADAPTER,
        base_url=base_url,
        api_keys=(Secret(KEY),),
        models={},
        lists=True,
        timeouts=Timeouts(),
        credentials=(Credential("google#1", ADAPTER.headers(KEY)),),
    )


def request(*, stream: bool = False) -> ChatRequest:
    body = {"model": "google/m", "messages": [{"role": "user", "content": "x"}], "stream": stream}
    return ChatRequest(body, stream=stream, include_usage=False)


def deadline() -> float:
    return asyncio.get_running_loop().time() + 10


async def test_an_answer_whole_and_streamed(google: tuple[Google, Provider, Upstream]) -> None:
    server, provider, upstream = google

    whole = await upstream.complete(
        provider, provider.credentials[0], ADAPTER.encode(request(), "tuned/a b"), deadline()
    )
    stream = await upstream.open_stream(
        provider, provider.credentials[0], ADAPTER.encode(request(stream=True), "m"), deadline()
    )
    chunks = []
    while received := await next_chunks(stream):
        chunks += received
    await stream.close()

    assert whole == load("text", "response.openai.json")
    assert chunks == [orjson.loads(line) for line in read("text", "stream.openai.jsonl").splitlines()]
    assert stream.usage == whole["usage"]
    assert upstream.open_calls == 0
    assert server.asked == [
        ("/v1beta/models/tuned%2Fa%20b:generateContent", KEY),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", KEY),
    ]


@pytest.mark.parametrize("case", ["prompt_blocked", "nothing_to_say"])
async def test_a_stream_that_only_ends_is_an_answer_too(google: tuple[Google, Provider, Upstream], case: str) -> None:
    server, provider, upstream = google
    server.case = case

    stream = await upstream.open_stream(
        provider, provider.credentials[0], ADAPTER.encode(request(stream=True), "m"), deadline()
    )
    chunks = await next_chunks(stream)
    await stream.close()

    assert chunks == [orjson.loads(line) for line in read(case, "stream.openai.jsonl").splitlines()]


async def test_an_error_with_a_key_in_it_is_told_without(google: tuple[Google, Provider, Upstream]) -> None:
    server, provider, upstream = google
    server.case = "error_invalid_key"

    with pytest.raises(ProviderError) as caught:
        await upstream.complete(provider, provider.credentials[0], ADAPTER.encode(request(), "m"), deadline())

    assert caught.value.code == "provider_credentials"


async def test_the_list_of_models_goes_on_for_as_many_pages_as_it_has(
    google: tuple[Google, Provider, Upstream],
) -> None:
    server, provider, upstream = google
    entry = {"supportedGenerationMethods": ["generateContent"]}
    server.pages = {
        None: {"models": [{"name": "models/a", **entry}], "nextPageToken": "+/ &="},
        "+/ &=": {"models": [{"name": "models/b", **entry}], "nextPageToken": "last"},
        "last": {"models": [{"name": "models/c", **entry}]},
    }

    listed = await upstream.list_models(provider)

    assert listed == [ListedModel("a", None), ListedModel("b", None), ListedModel("c", None)]
    assert len(server.asked) == 3
    assert all(KEY not in path and key == KEY for path, key in server.asked)


async def test_a_list_of_models_that_never_ends_is_given_up(google: tuple[Google, Provider, Upstream]) -> None:
    server, provider, upstream = google
    server.pages = {None: {"models": [], "nextPageToken": "x"}, "x": {"models": [], "nextPageToken": "x"}}

    with pytest.raises(ProviderError, match="more than 50 pages"):
        await upstream.list_models(provider)

    assert len(server.asked) == MAX_MODEL_PAGES
    assert upstream.open_calls == 0
