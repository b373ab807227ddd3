"""Connections to providers over TLS: who is trusted, and that a later handshake is a short one."""

from __future__ import annotations

import asyncio
import math
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.config.provider_schema import Timeouts
from arouter.config.secret import Secret
from arouter.errors import Failure, ProviderError
from arouter.providers.driver import Upstream
from arouter.providers.http.origin import tls_context
from arouter.providers.provider import Provider, build_providers
from support.connect_proxy import ESTABLISHED, ConnectProxy, connect_proxy
from support.raw_provider import OK, REQUEST, once, raw_provider


class Server:
    """A provider with a certificate for `localhost`.

    Attributes:
        resumed: Of each connection whether its handshake resumed an earlier session.
        authority: Issued the certificate.
        provider: As configured.
    """

    def __init__(self) -> None:
        self.resumed: list[bool] = []
        self.authority = trustme.CA()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert("localhost").configure_cert(self._context)

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        port = server.sockets[0].getsockname()[1]
        row = f"providers: [{{id: raw, base_url: 'https://localhost:{port}/v1'}}]"
        self.provider: Provider
        [self.provider] = build_providers(parse_config(row, {}), read_environment({}))
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.resumed.append(writer.get_extra_info("ssl_object").session_reused)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(REQUEST.body or b""))
                writer.write(OK)
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with await server.start():
        yield server


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    tls_context.cache_clear()
    upstream = Upstream(max_connections=4)
    yield upstream
    await upstream.close()
    tls_context.cache_clear()


async def ask(upstream: Upstream, provider: Provider, *, fresh: bool = False) -> None:
    await upstream.complete(provider, provider.credentials[0], REQUEST, math.inf, fresh=fresh)


async def test_a_later_connection_resumes_the_session(
    server: Server, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    await ask(upstream, server.provider)
    await ask(upstream, server.provider)
    await ask(upstream, server.provider, fresh=True)

    assert server.resumed == [False, True]


async def test_a_certificate_of_an_unknown_authority_is_refused(server: Server, upstream: Upstream) -> None:
    with pytest.raises(ProviderError) as refused:
        await ask(upstream, server.provider)

    assert refused.value.failure is Failure.PROVIDER_UNREACHABLE


@pytest.fixture
def trusted(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    server.authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls_context.cache_clear()
    return server


def through(proxy: ConnectProxy, credentials: str = "") -> Upstream:
    return Upstream(max_connections=4, proxy=Secret(f"http://{credentials}127.0.0.1:{proxy.port}"))


@pytest.mark.parametrize(
    "answer",
    [ESTABLISHED, b"HTTP/1.0 200 OK\r\nproxy-agent: a\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" + ESTABLISHED],
)
async def test_a_proxy_connects_to_providers_with_tls(trusted: Server, answer: bytes) -> None:
    port = urlsplit(trusted.provider.base_url).port
    async with connect_proxy(answer) as proxy:
        upstream = through(proxy, "me:p%40ss@")
        await ask(upstream, trusted.provider)
        await ask(upstream, trusted.provider)
        await ask(upstream, trusted.provider, fresh=True)
        await upstream.close()

    head = f"CONNECT localhost:{port} HTTP/1.1\r\nhost: localhost:{port}\r\n".encode()
    assert proxy.asked == 2 * [head + b"proxy-authorization: Basic " + b64encode(b"me:p@ss") + b"\r\n\r\n"]
    assert len(trusted.resumed) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 502 No\r\n\r\n",
        b"SSH-2.0\r\n",
        70_000 * b"x-a: b\r\n",
    ],
    ids=["407", "502", "not HTTP", "endless"],
)
async def test_a_proxy_that_refuses_leaves_the_provider_unreachable(trusted: Server, answer: bytes) -> None:
    async with connect_proxy(answer) as proxy:
        upstream = through(proxy)
        with pytest.raises(ProviderError) as refused:
            await ask(upstream, trusted.provider)
        assert upstream.open_calls == 0
        await upstream.close()

    assert refused.value.failure is Failure.PROVIDER_UNREACHABLE
    assert trusted.resumed == []


async def test_a_proxy_that_hangs_is_given_up_in_time(trusted: Server) -> None:
    impatient = replace(trusted.provider, timeouts=Timeouts(connect=0.1))
    async with connect_proxy(b"") as proxy:
        upstream = through(proxy)
        with pytest.raises(ProviderError) as late:
            await ask(upstream, impatient)
        await upstream.close()

    assert late.value.failure is Failure.PROVIDER_TIMEOUT


async def test_providers_without_tls_are_not_called_through_the_proxy() -> None:
    async with connect_proxy() as proxy, raw_provider(lambda connection, _: once(OK, connection)) as raw:
        upstream = through(proxy)
        await ask(upstream, raw.provider)
        await upstream.close()

    assert proxy.asked == []
