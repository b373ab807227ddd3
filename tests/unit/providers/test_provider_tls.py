"""Connections to providers over TLS: who is trusted, and that a later handshake is a short one."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import Failure, ProviderError
from arouter.providers.driver import Upstream
from arouter.providers.http.origin import tls_context
from arouter.providers.provider import Provider, build_providers
from support.raw_provider import OK, REQUEST


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
